// Server-sent events, of which only `data` matters here.

/** The data of each event, in order. Bytes may arrive in pieces of any size, also cut inside a letter. */
export async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let unread = "";
  let data: string[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      unread += done ? decoder.decode() : decoder.decode(value, { stream: true });
      const lines = unread.split(/\r\n|\n|\r(?!$)/);
      unread = lines.pop() ?? "";
      for (const line of lines) {
        if (line === "" && data.length > 0) {
          yield data.join("\n");
          data = [];
        } else if (line.startsWith("data:")) {
          data.push(line.slice(line.startsWith("data: ") ? 6 : 5));
        }
      }
      // An event that was not closed by an empty line was cut off, and does not count.
      if (done) {
        return;
      }
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
