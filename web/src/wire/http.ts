import { session } from "../shell/session.svelte";
import { language } from "../words/language.svelte";

/** The server cannot be reached, or the connection ended too early. */
export class Unreachable extends Error {}

/** The server answered, and not with what this page can read. */
export class Unreadable extends Error {}

/** The server said no. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    /** The server's own sentence, where it sent one. */
    readonly detail: string | null,
  ) {
    super(detail ?? `status ${status}`);
  }
}

/** Asks the server with the reader's key and language. A key that it does not know leads back to the door. */
export async function ask(path: string, options: RequestInit = {}): Promise<Response> {
  const key = session.key ?? "";
  const headers = { ...options.headers, Authorization: `Bearer ${key}`, "Accept-Language": language.code };
  const response = await reach(path, { ...options, headers });
  if (response.status === 401) {
    session.reject(key);
  }
  if (!response.ok) {
    throw new Refused(response.status, await detail(response));
  }
  return response;
}

/** The answer as JSON. */
export async function read<Answer>(response: Response): Promise<Answer> {
  const text = await body(response);
  try {
    return JSON.parse(text) as Answer;
  } catch (cause) {
    throw new Unreadable("the answer is not JSON", { cause });
  }
}

async function reach(path: string, options: RequestInit): Promise<Response> {
  try {
    return await fetch(path, { ...options, cache: "no-store", credentials: "omit" });
  } catch (cause) {
    throw isAbort(cause) ? cause : new Unreachable("the server cannot be reached", { cause });
  }
}

async function body(response: Response): Promise<string> {
  try {
    return await response.text();
  } catch (cause) {
    throw isAbort(cause) ? cause : new Unreachable("the connection ended too early", { cause });
  }
}

/** Whether somebody here ended the request on purpose. */
export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

/** The sentence of a problem (RFC 9457), or of an error in OpenAI's form. */
async function detail(response: Response): Promise<string | null> {
  try {
    return sentence(await response.json());
  } catch {
    // What cannot be read has no sentence; the status says enough.
    return null;
  }
}

/** The sentence in an error's body, in either form. */
export function sentence(problem: unknown): string | null {
  const { detail, title, error } = (problem ?? {}) as Record<string, unknown>;
  const message = typeof error === "object" && error !== null ? (error as Record<string, unknown>)["message"] : error;
  const found = [detail, message, title].find((text) => typeof text === "string" && text !== "");
  return (found as string | undefined) ?? null;
}
