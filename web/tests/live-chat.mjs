// The chat of a running Sinew, with the model that it really serves.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { overflowing, startBrowser } from "./support/browser.mjs";

const { SINEW_URL: url, SINEW_KEY: key } = process.env;
const skip = url === undefined ? "needs a running Sinew (SINEW_URL)" : false;
let browser;

before(async () => (browser = skip ? undefined : await startBrowser()));
after(() => browser?.close());

async function open(options) {
  const page = await browser.page(url, options);
  await page.goto(`/chat#key=${key}`);
  await page.waitForSelector("select:enabled");
  return page;
}

test("each example is answered by the model, in one conversation", { skip }, async () => {
  const page = await open();
  const examples = await page.locator(".opening button").allInnerTexts();
  assert.equal(examples.length, 3);
  for (const [index, example] of examples.entries()) {
    await page.getByLabel("Your message").fill(example);
    await page.keyboard.press("Enter");
    const answer = page.locator(".answer").nth(index);
    await page.waitForFunction((at) => document.querySelectorAll(".answer")[at]?.dataset.end !== "none", index);
    assert.match(await answer.getAttribute("data-end"), /^(complete|length)$/, await page.locator("article").nth(index).innerText());
    assert.notEqual((await answer.innerText()).trim(), "");
  }
  assert.deepEqual([page.complaints, page.strangers], [[], []]);
  await page.reload();
  assert.equal(await page.locator("article").count(), 3);
});

test("an answer can be stopped, and the next question is answered", { skip }, async () => {
  const page = await open();
  await page.getByLabel("Your message").fill("What happens when the owner needs its core back?");
  await page.keyboard.press("Enter");
  // A quick model may be done before anybody can stop it; the page must be ready for more in both cases.
  await page.getByRole("button", { name: "Stop" }).click({ timeout: 2000 }).catch(() => undefined);
  await page.locator("[data-end=stopped], [data-end=complete], [data-end=length]")
    // An answer that was stopped before its first word is there without being visible.
    .waitFor({ state: "attached" });
  await page.getByLabel("Your message").fill("What is 17+25?");
  await page.keyboard.press("Enter");
  await page.locator(".answer").nth(1).and(page.locator("[data-end=complete], [data-end=length]")).waitFor();
});

test("the page says what kind of model this is, in both languages, and fits a phone", { skip }, async () => {
  for (const [language, sentence] of [["en-GB", "A very small model"], ["fr-FR", "Un tout petit modèle"]]) {
    const page = await open({ language, width: 360 });
    await page.getByText(sentence).waitFor();
    assert.deepEqual(await overflowing(page), []);
  }
});
