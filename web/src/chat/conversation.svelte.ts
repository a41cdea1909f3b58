import { session } from "../shell/session.svelte";
import { isAbort, Refused } from "../wire/http";
import { BrokenOff, complete, type Question } from "./completion";

const STORED_AS = "sinew.conversation";
/** A small model says sensible things where little is left to chance. */
const TEMPERATURE = 0.3;

/** How an answer ended. */
export type End =
  | { kind: "complete" | "stopped" | "length" | "broken" | "unreachable" }
  | { kind: "refused"; status: number; detail: string | null };

/** A question and its answer, which is being written as long as it has no end. */
export interface Turn {
  id: number;
  model: string;
  question: string;
  answer: string;
  end: End | null;
}

interface Stored {
  turns: Turn[];
  model: string | null;
  temperature: number;
}

/** One conversation, kept for this tab. It goes on while the reader looks at another page. */
class Conversation {
  turns = $state<Turn[]>([]);
  model = $state<string | null>(null);
  temperature = $state(TEMPERATURE);
  #answering = $state.raw<AbortController | null>(null);

  constructor() {
    const { turns, model, temperature } = stored();
    this.turns = turns.map((turn) => ({ ...turn, end: turn.end ?? { kind: "broken" } }));
    this.model = model;
    this.temperature = temperature;
    session.onLeave(() => this.fresh());
    addEventListener("pagehide", () => this.keep());
  }

  get isAnswering(): boolean {
    return this.#answering !== null;
  }

  /** Asks the model. One question at a time. */
  async send(question: string) {
    const model = this.model;
    if (this.isAnswering || model === null || question.trim() === "") {
      return;
    }
    const messages = [...this.#said(), { role: "user" as const, content: question }];
    const id = (this.turns.at(-1)?.id ?? 0) + 1;
    this.turns.push({ id, model, question, answer: "", end: null });
    const turn = this.turns.at(-1);
    if (turn !== undefined) {
      await this.#answer(turn, { model, messages, temperature: this.temperature });
    }
  }

  /** Asks the last question again, in place of an answer that failed. */
  async again() {
    const last = this.isAnswering ? undefined : this.turns.pop();
    if (last !== undefined) {
      await this.send(last.question);
    }
  }

  stop() {
    this.#answering?.abort();
  }

  /** Forgets everything that was said. */
  fresh() {
    this.stop();
    this.turns = [];
    this.keep();
  }

  keep() {
    const { turns, model, temperature } = this;
    sessionStorage.setItem(STORED_AS, JSON.stringify({ turns, model, temperature } satisfies Stored));
  }

  /** What the model must know of the conversation: all that was answered at least in part. */
  #said(): Question["messages"] {
    return this.turns
      .filter((turn) => turn.answer !== "")
      .flatMap(({ question, answer }) => [
        { role: "user", content: question },
        { role: "assistant", content: answer },
      ]);
  }

  async #answer(turn: Turn, question: Question) {
    const answering = new AbortController();
    this.#answering = answering;
    this.keep();
    try {
      let isLong = false;
      for await (const piece of complete(question, answering.signal)) {
        if ("text" in piece) {
          turn.answer += piece.text;
        } else {
          isLong = piece.finish === "length";
        }
      }
      turn.end = { kind: isLong ? "length" : "complete" };
    } catch (error) {
      turn.end = ending(error);
    }
    // A conversation that was begun anew meanwhile has an answer of its own.
    if (this.#answering === answering) {
      this.#answering = null;
      this.keep();
    }
  }
}

function ending(error: unknown): End {
  if (isAbort(error)) {
    return { kind: "stopped" };
  }
  if (error instanceof Refused) {
    return { kind: "refused", status: error.status, detail: error.detail };
  }
  return { kind: error instanceof BrokenOff ? "broken" : "unreachable" };
}

function stored(): Stored {
  const nothing: Stored = { turns: [], model: null, temperature: TEMPERATURE };
  try {
    return { ...nothing, ...(JSON.parse(sessionStorage.getItem(STORED_AS) ?? "{}") as Partial<Stored>) };
  } catch {
    // What cannot be read is from another version of this page: the conversation begins anew.
    return nothing;
  }
}

/** What is said in this tab. */
export const conversation = new Conversation();
