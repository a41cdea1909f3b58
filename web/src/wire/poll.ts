import { isAbort } from "./http";

const PERIOD_MS = 1_000;
/** A page that nobody looks at asks seldom. */
const HIDDEN_PERIOD_MS = 30_000;
const BACK_OFF_MAX_MS = 15_000;
/** An answer that takes longer is as good as none. */
const ANSWER_WITHIN_MS = 10_000;

export interface Poll<Answer> {
  ask: (signal: AbortSignal) => Promise<Answer>;
  onAnswer: (answer: Answer) => void;
  onTrouble: (error: unknown) => void;
  period_ms?: number;
}

/** Asks again and again until the returned function is called: slower while hidden, and after each failure. */
export function poll<Answer>({ ask, onAnswer, onTrouble, period_ms = PERIOD_MS }: Poll<Answer>): () => void {
  const stopped = new AbortController();
  let failures = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isAsking = false;

  async function turn() {
    clearTimeout(timer);
    if (isAsking || stopped.signal.aborted) {
      return;
    }
    isAsking = true;
    try {
      const answer = await ask(AbortSignal.any([stopped.signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]));
      failures = 0;
      if (!stopped.signal.aborted) {
        onAnswer(answer);
      }
    } catch (error) {
      failures += 1;
      if (!stopped.signal.aborted && !isAbort(error)) {
        onTrouble(error);
      }
    }
    isAsking = false;
    if (!stopped.signal.aborted) {
      timer = setTimeout(turn, pause_ms());
    }
  }

  function pause_ms(): number {
    const back_off_ms = Math.min(period_ms * 2 ** failures, BACK_OFF_MAX_MS);
    return Math.max(failures === 0 ? period_ms : back_off_ms, document.hidden ? HIDDEN_PERIOD_MS : 0);
  }

  function onShown() {
    if (!document.hidden) {
      void turn();
    }
  }

  document.addEventListener("visibilitychange", onShown, { signal: stopped.signal });
  window.addEventListener("online", onShown, { signal: stopped.signal });
  void turn();
  return () => {
    clearTimeout(timer);
    stopped.abort();
  };
}
