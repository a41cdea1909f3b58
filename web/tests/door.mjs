// Who comes in, and what the pages keep to themselves. Against a fake of the server.

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { startBrowser } from "./support/browser.mjs";
import { startMock } from "./support/mock.mjs";

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

test("a key in the address opens the page and leaves the address at once", async () => {
  const page = await browser.page(mock.url);
  await page.goto("/console#key=sk-lyra");
  await page.waitForSelector("text=this-machine");
  assert.equal(new URL(page.url()).hash, "");
  await page.goto("about:blank");
  await page.goBack();
  await page.waitForSelector("text=this-machine");
  assert.ok(!page.url().includes("sk-"), "no entry of the history holds the key");
});

test("a key can be typed, and is never shown", async () => {
  const page = await browser.page(mock.url);
  await page.goto("/chat");
  await page.getByRole("button", { name: "Open" }).click();
  await page.waitForSelector("text=Type a key first.");
  await page.getByLabel("API key").fill("sk-… copied badly");
  await page.keyboard.press("Enter");
  await page.waitForSelector("text=That is not a key");
  await page.getByLabel("API key").fill(" sk-lyra ");
  await page.keyboard.press("Enter");
  await page.waitForSelector("select:enabled");
  assert.ok(!(await page.content()).includes("sk-lyra"));
  assert.equal(mock.asked.at(-1).headers.authorization, "Bearer sk-lyra");
  assert.ok(mock.asked.every(({ search }) => !search.toString().includes("sk-")));
});

test("a key that the server does not know leads back to the door with a sentence", async () => {
  const page = await browser.page(mock.url);
  await page.goto("/console#key=sk-nobody");
  await page.waitForSelector("text=The server does not know this key");
  await page.getByLabel("API key").fill("sk-aurora");
  await page.keyboard.press("Enter");
  await page.waitForSelector("text=operator");
  assert.deepEqual(page.complaints, []);
});

test("signing out forgets the key and what was said", async () => {
  const page = await browser.page(mock.url);
  await page.goto("/chat#key=sk-lyra");
  await page.getByRole("button", { name: "What is 17+25?" }).click();
  await page.waitForSelector("[data-end=complete]");
  await page.getByRole("button", { name: "Sign out" }).click();
  await page.getByLabel("API key").waitFor();
  const left = await page.evaluate(() => JSON.stringify(Object.entries(sessionStorage)));
  assert.ok(!left.includes("sk-lyra") && !left.includes("17+25"), left);
});

test("another key in the address of the same tab is another reader", async () => {
  const page = await browser.page(mock.url);
  await page.goto("/chat#key=sk-lyra");
  await page.getByRole("button", { name: "What is 17+25?" }).click();
  await page.waitForSelector("[data-end=complete]");
  await page.goto("/chat#key=sk-aurora");
  await page.waitForSelector("header >> text=aurora");
  assert.equal(await page.locator("article").count(), 0);
});

test("language and light are the browser's until the reader chooses, and the choice stays", async () => {
  const page = await browser.page(mock.url, { language: "fr-FR", dark: true });
  await page.goto("/console#key=sk-lyra");
  await page.waitForSelector("text=préavis 3s");
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.equal(await page.evaluate(() => document.documentElement.lang), "fr");
  assert.equal(mock.asked.at(-1).headers["accept-language"], "fr");
  const dark = await ground();
  await page.getByRole("button", { name: "EN" }).click();
  await page.waitForSelector("text=notice 3s");
  await page.getByRole("button", { name: "Theme: as the system" }).click();
  await page.getByRole("button", { name: "Theme: light" }).waitFor();
  assert.notEqual(await ground(), dark);
  await page.reload();
  await page.waitForSelector("text=notice 3s");
  await page.getByRole("button", { name: "Theme: light" }).waitFor();
});

test("pages are links: one changes without a new load, and the browser's back button works", async () => {
  const page = await browser.page(mock.url);
  await page.goto("/console#key=sk-lyra");
  await page.evaluate(() => (window.isSame = true));
  await page.getByRole("link", { name: "Chat", exact: true }).click();
  await page.waitForSelector("textarea");
  assert.equal(new URL(page.url()).pathname, "/chat");
  await page.goBack();
  await page.waitForSelector("text=this-machine");
  assert.ok(await page.evaluate(() => window.isSame));
  assert.deepEqual(page.strangers, [], "no page asks another server for anything");
});
