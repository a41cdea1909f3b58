// A fake of the server, for states that a real one reaches seldom. It knows the wire and no rule behind it.
//
//     node tests/support/mock.mjs 7391        serves dist, for looking at the pages; keys sk-aurora, sk-lyra, sk-new

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { machine, money, view } from "./views.mjs";

const DIST = fileURLToPath(new URL("../../dist/", import.meta.url));
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const READERS = { "sk-aurora": "aurora", "sk-lyra": "lyra", "sk-new": "new" };

/** Starts a fake on a free port. A test changes what it does through `does`, and reads what came in from `asked`. */
export async function startMock(port = 0) {
  const does = {
    /** Ends each connection to the API without an answer. */
    drops: false,
    /** Answers each question to the API with this status and sentence. */
    fails: null,
    /** The models that are served. */
    models: ["chat-nano@1"],
    /** Writes an answer: called with a writer of raw text and the question. */
    answers: answerSlowly,
    /** Changes the console's view before it is sent. */
    changes: (answer) => answer,
  };
  const asked = [];
  const server = createServer((request, response) => {
    serve({ request, response, does, asked }).catch((error) => {
      console.error(error);
      response.destroy();
    });
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  const close = () => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return { url: `http://127.0.0.1:${server.address().port}`, does, asked, close };
}

/** Text in OpenAI's chunks, as many as there are strings. */
export function chunks(...texts) {
  return texts.map((content) => chunk({ content })).join("");
}

/** The last chunk, and the end of the stream. */
export function ending(finish_reason = "stop") {
  return `${chunk({}, finish_reason)}data: [DONE]\n\n`;
}

function chunk(delta, finish_reason = null) {
  const choices = [{ index: 0, delta, finish_reason }];
  return `data: ${JSON.stringify({ object: "chat.completion.chunk", choices })}\n\n`;
}

async function answerSlowly(writer, question) {
  const said = question.messages.at(-1).content;
  const text = said.includes("17+25") ? "17 + 25 = 42." : `You said: ${said}\nI am a very small model. `.repeat(4);
  for (const word of text.match(/\S+\s*/g)) {
    await writer.write(chunks(word));
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  await writer.write(ending());
}

async function serve({ request, response, does, asked }) {
  const { pathname, searchParams } = new URL(request.url, "http://mock");
  if (!pathname.startsWith("/api/") && !pathname.startsWith("/v1/")) {
    return sendFile(pathname, response);
  }
  const key = (request.headers.authorization ?? "").replace("Bearer ", "");
  const body = await text(request);
  asked.push({ pathname, search: searchParams, headers: request.headers, body });
  if (does.drops) {
    return response.destroy();
  }
  if (READERS[key] === undefined) {
    return problem(response, 401, "This key is not known here.");
  }
  if (does.fails !== null) {
    return problem(response, does.fails.status, does.fails.detail);
  }
  if (pathname === "/v1/models") {
    return json(response, 200, { object: "list", data: does.models.map((id) => ({ id, object: "model" })) });
  }
  if (pathname === "/v1/chat/completions") {
    return stream(response, does.answers, JSON.parse(body));
  }
  const french = request.headers["accept-language"]?.startsWith("fr") ?? false;
  if (pathname === "/api/machine") {
    return json(response, 200, machine(french));
  }
  if (pathname === "/api/money") {
    return json(response, 200, money(READERS[key]));
  }
  const window_s = Number(searchParams.get("window_s") ?? 300);
  return json(response, 200, does.changes(view({ reader: READERS[key], french, window_s })));
}

async function stream(response, answers, question) {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  const closed = new Promise((resolve) => response.on("close", resolve));
  const write = (bytes) => new Promise((resolve) => response.write(bytes, resolve));
  await answers({ write, closed, cut: () => response.destroy() }, question);
  response.end();
}

async function sendFile(pathname, response) {
  const path = pathname.startsWith("/assets/") ? pathname : "/index.html";
  try {
    const bytes = await readFile(join(DIST, path));
    response.writeHead(200, { "Content-Type": TYPES[extname(path)] ?? "application/octet-stream" });
    response.end(bytes);
  } catch {
    response.writeHead(404).end();
  }
}

async function text(request) {
  const pieces = [];
  for await (const piece of request) {
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}

function json(response, status, value) {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(value));
}

function problem(response, status, detail) {
  response.writeHead(status, { "Content-Type": "application/problem+json" });
  response.end(JSON.stringify({ type: "about:blank", title: "no", status, detail, code: "mock" }));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await startMock(Number(process.argv[2] ?? 7391));
  console.log(url);
}
