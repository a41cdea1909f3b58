import { ask, isAbort, read, Refused, sentence, Unreadable } from "../wire/http";
import { events } from "./stream";

/** A question to a model, in OpenAI's form. */
export interface Question {
  model: string;
  messages: { role: "user" | "assistant"; content: string }[];
  temperature: number;
}

/** A piece of the answer, or why it ended. */
export type Piece = { text: string } | { finish: string };

interface Chunk {
  choices?: { delta?: { content?: string | null }; finish_reason?: string | null }[];
  error?: unknown;
}

/** The answer was not complete when the connection ended. */
export class BrokenOff extends Error {}

/** Asks a model and yields its answer as it is made. */
export async function* complete(question: Question, signal: AbortSignal): AsyncGenerator<Piece> {
  const response = await ask("/v1/chat/completions", {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": onceOnly() },
    body: JSON.stringify({ ...question, stream: true }),
    signal,
  });
  if (response.body === null) {
    throw new BrokenOff("the answer has no body");
  }
  let isFinished = false;
  try {
    for await (const data of events(response.body)) {
      if (data === "[DONE]") {
        return;
      }
      for (const piece of pieces(data)) {
        isFinished ||= "finish" in piece;
        yield piece;
      }
    }
  } catch (cause) {
    throw isOurs(cause) ? cause : new BrokenOff("the connection ended too early", { cause });
  }
  if (!isFinished) {
    throw new BrokenOff("the answer ended without a word");
  }
}

/** The identities of the models that answer now. */
export async function models(signal: AbortSignal): Promise<string[]> {
  const list = await read<{ data?: { id: string }[] }>(await ask("/v1/models", { signal }));
  return (list.data ?? []).map((model) => model.id);
}

/** A name for one request. `randomUUID` would be shorter, and is missing where the page came without TLS from afar. */
function onceOnly(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function pieces(data: string): Piece[] {
  const chunk = parsed(data) as Chunk;
  if (chunk.error !== undefined) {
    throw new Refused(200, sentence(chunk));
  }
  const choice = chunk.choices?.[0];
  const found: Piece[] = [];
  if (typeof choice?.delta?.content === "string" && choice.delta.content !== "") {
    found.push({ text: choice.delta.content });
  }
  if (typeof choice?.finish_reason === "string") {
    found.push({ finish: choice.finish_reason });
  }
  return found;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Unreadable("the answer is not JSON", { cause });
  }
}

function isOurs(error: unknown): boolean {
  return error instanceof Refused || error instanceof Unreadable || isAbort(error);
}
