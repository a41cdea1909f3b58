// The chat against a fake of the server: streams that arrive in any pieces, and all the ways in which an answer ends.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { startBrowser } from "./support/browser.mjs";
import { chunks, ending, startMock } from "./support/mock.mjs";

let browser;
let mock;

before(async () => (browser = await startBrowser()));
beforeEach(async () => {
  await mock?.close();
  mock = await startMock();
});
after(async () => {
  await mock?.close();
  await browser?.close();
});

async function open(options) {
  const page = await browser.page(mock.url, options);
  await page.goto("/chat#key=sk-lyra");
  await page.waitForSelector("select:enabled");
  return page;
}

async function say(page, text) {
  await page.getByLabel("Your message").fill(text);
  await page.keyboard.press("Enter");
}

function answerText(page) {
  return page.locator(".answer").last().innerText();
}

/** What came to the model, question by question. */
function questions() {
  return mock.asked.filter(({ pathname }) => pathname === "/v1/chat/completions").map(({ body }) => JSON.parse(body));
}

test("an example asks its question, and the answer is shown", async () => {
  const page = await open();
  assert.equal(await page.locator(".opening button").count(), 3);
  await page.getByRole("button", { name: "What is 17+25?" }).click();
  await page.waitForSelector("[data-end=complete]");
  assert.equal(await answerText(page), "17 + 25 = 42.");
  const [question] = questions();
  assert.deepEqual(question.messages, [{ role: "user", content: "What is 17+25?" }]);
  assert.deepEqual([question.model, question.stream], ["chat-nano@1", true]);
  await page.getByText("A very small model, trained on this machine a minute ago: it makes mistakes.").waitFor();
});

test("a stream may be cut anywhere, also inside a letter, and end its lines in any way", async () => {
  mock.does.answers = async ({ write }) => {
    const bytes = Buffer.from(`: a comment\r\nevent: message\r\n${chunks("dé", "jà\n", "vu ✓").replaceAll("\n\n", "\r\n\r\n")}${ending()}`);
    for (const byte of bytes) {
      await write(Buffer.of(byte));
    }
  };
  const page = await open();
  await say(page, "go");
  await page.waitForSelector("[data-end=complete]");
  assert.equal(await answerText(page), "déjà\nvu ✓");
});

test("text is text: nothing that a model or a reader writes becomes markup", async () => {
  const markup = "<img src=x onerror=\"window.wasHere=1\"><b>bold</b> &amp; <script>window.wasHere=1</script>";
  mock.does.answers = async ({ write }) => void (await write(chunks(markup) + ending()));
  const page = await open();
  await say(page, markup);
  await page.waitForSelector("[data-end=complete]");
  assert.equal(await answerText(page), markup);
  assert.equal(await page.locator("article :is(img, b, script)").count(), 0);
  assert.equal(await page.evaluate(() => window.wasHere), undefined);
  assert.deepEqual(page.complaints, []);
});

test("Enter sends, Shift+Enter begins a line, and the conversation goes along with the next question", async () => {
  const page = await open();
  mock.does.answers = async ({ write }) => void (await write(chunks("fine") + ending()));
  await page.getByLabel("Your message").fill("one");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("two");
  await page.keyboard.press("Enter");
  await page.waitForSelector("[data-end=complete]");
  assert.equal(await page.getByLabel("Your message").inputValue(), "");
  await say(page, "three");
  await page.locator("[data-end=complete]").nth(1).waitFor();
  const contents = questions().at(-1).messages.map(({ role, content }) => `${role}: ${content}`);
  assert.deepEqual(contents, ["user: one\ntwo", "assistant: fine", "user: three"]);
});

test("Stop ends the request, and what was written stays", async () => {
  let writer;
  mock.does.answers = async (given) => {
    writer = given;
    await given.write(chunks("as far as this"));
    await given.closed;
  };
  const page = await open();
  await say(page, "go");
  await page.getByText("as far as this").waitFor();
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("Stopped by you.").waitFor();
  assert.equal(await answerText(page), "as far as this");
  await page.getByRole("button", { name: "Send", exact: true }).waitFor();
  // The server sees that nobody listens any more, and can use its time for others.
  await writer.closed;
});

test("an answer that breaks off is said to be incomplete, and can be asked for again", async () => {
  let writer;
  mock.does.answers = async (given) => {
    writer = given;
    await given.write(chunks("half an"));
    await given.closed;
  };
  const page = await open();
  await say(page, "go");
  await page.getByText("half an").waitFor();
  writer.cut();
  await page.getByText("The answer broke off").waitFor();
  assert.equal(await answerText(page), "half an");
  mock.does.answers = async ({ write }) => void (await write(chunks("a whole answer") + ending()));
  await page.getByRole("button", { name: "Send again" }).click();
  await page.waitForSelector("[data-end=complete]");
  assert.equal(await page.locator("article").count(), 1);
  assert.deepEqual(questions().at(-1).messages, [{ role: "user", content: "go" }]);
});

test("a stream that ends without its last word is not taken for a whole answer", async () => {
  mock.does.answers = async ({ write }) => void (await write(chunks("only this")));
  const page = await open();
  await say(page, "go");
  await page.waitForSelector("[data-end=broken]");
});

test("the length limit, a refusal, an error in the stream and an empty answer each have a sentence", async () => {
  const page = await open();
  mock.does.answers = async ({ write }) => void (await write(chunks("long") + ending("length")));
  await say(page, "one");
  await page.getByText("reached its length limit").waitFor();
  mock.does.answers = async ({ write }) =>
    void (await write(`data: ${JSON.stringify({ error: { message: "The lease was recalled." } })}\n\n`));
  await say(page, "two");
  await page.getByText("The lease was recalled.").waitFor();
  mock.does.answers = async ({ write }) => void (await write(ending()));
  await say(page, "three");
  await page.getByText("ended its answer without a word").waitFor();
  mock.does.fails = { status: 422, detail: "The conversation has 300 tokens; this model reads 256." };
  await say(page, "four");
  await page.getByText("The conversation has 300 tokens; this model reads 256.").waitFor();
  mock.does.fails = null;
  mock.does.drops = true;
  await say(page, "five");
  await page.getByText("The server cannot be reached.").waitFor();
});

test("the conversation survives a reload and another page, and a new chat forgets it", async () => {
  const page = await open();
  await page.getByRole("button", { name: "What is 17+25?" }).click();
  await page.waitForSelector("[data-end=complete]");
  await page.reload();
  await page.getByText("17 + 25 = 42.").waitFor();
  await page.getByRole("link", { name: "Console" }).click();
  await page.getByRole("link", { name: "Chat", exact: true }).click();
  await page.getByText("17 + 25 = 42.").waitFor();
  await page.getByRole("button", { name: "New chat" }).click();
  await page.waitForSelector(".opening");
  await page.reload();
  await page.waitForSelector(".opening");
});

test("an answer goes on while the reader looks at another page", async () => {
  let goOn;
  const gate = new Promise((resolve) => (goOn = resolve));
  mock.does.answers = async ({ write }) => {
    await write(chunks("first, "));
    await gate;
    await write(chunks("second") + ending());
  };
  const page = await open();
  await say(page, "go");
  await page.getByText("first,").waitFor();
  await page.getByRole("link", { name: "Console" }).click();
  await page.waitForSelector("[data-section=pools]");
  goOn();
  await page.getByRole("link", { name: "Chat", exact: true }).click();
  await page.waitForSelector("[data-end=complete]");
  assert.equal(await answerText(page), "first, second");
});

test("the page follows the text, until the reader scrolls up", async () => {
  let writer;
  mock.does.answers = async (given) => {
    writer = given;
    await given.write(chunks("line\n".repeat(80)));
    await given.closed;
  };
  const page = await open();
  await say(page, "go");
  const gap = () =>
    page.evaluate(() => document.documentElement.scrollHeight - document.documentElement.clientHeight - scrollY);
  await page.waitForFunction(() => scrollY > 300);
  await page.waitForFunction(() => document.documentElement.scrollHeight - innerHeight - scrollY < 2);
  await page.mouse.move(600, 300);
  await page.mouse.wheel(0, -500);
  await page.getByRole("button", { name: "To the latest" }).waitFor();
  const before = await page.evaluate(() => scrollY);
  await writer.write(chunks("more\n".repeat(40), "the end"));
  await page.getByText("the end").waitFor();
  assert.equal(await page.evaluate(() => scrollY), before);
  await page.getByRole("button", { name: "To the latest" }).click();
  await page.waitForFunction(() => document.documentElement.scrollHeight - innerHeight - scrollY < 2);
  assert.ok((await gap()) < 2);
});

test("the temperature stands in a panel that the keyboard opens, uses and closes", async () => {
  const page = await open();
  await page.getByRole("button", { name: "Settings" }).focus();
  await page.keyboard.press("Enter");
  const temperature = page.getByLabel("Temperature");
  await temperature.focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("Escape");
  await temperature.waitFor({ state: "hidden" });
  await say(page, "What is 17+25?");
  await page.waitForSelector("[data-end=complete]");
  assert.equal(questions()[0].temperature, 0);
});

test("without a model the page says how to get one, and finds it when it is there", async () => {
  mock.does.models = [];
  const page = await browser.page(mock.url);
  await page.goto("/chat#key=sk-lyra");
  await page.getByText("No model is served yet.").waitFor();
  mock.does.models = ["hybrid@3"];
  await page.waitForSelector("select:enabled");
  assert.equal(await page.getByText("A very small model").count(), 0);
});
