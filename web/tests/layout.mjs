// Nothing sticks out of a page, from a small phone to a desk, in both languages. Against a fake of the server.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { overflowing, startBrowser } from "./support/browser.mjs";
import { startMock } from "./support/mock.mjs";

let browser;
let mock;

before(async () => {
  browser = await startBrowser();
  mock = await startMock();
});
after(async () => {
  await mock?.close();
  await browser?.close();
});

for (const language of ["en-GB", "fr-FR"]) {
  for (const width of [360, 768, 1280]) {
    test(`the console at ${width} px in ${language}`, async () => {
      for (const key of ["sk-lyra", "sk-aurora", "sk-new"]) {
        const page = await browser.page(mock.url, { width, language });
        await page.goto(`/console#key=${key}`);
        await page.waitForSelector("[data-section=control]");
        await page.waitForSelector("[data-protection]");
        await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
        assert.deepEqual(await overflowing(page), []);
        await page.context().close();
      }
    });
  }

  test(`the door and the chat at 360 px in ${language}`, async () => {
    const page = await browser.page(mock.url, { width: 360, language });
    await page.goto("/chat");
    await page.waitForSelector("form");
    assert.deepEqual(await overflowing(page), []);
    await page.goto("/chat#key=sk-lyra");
    await page.waitForSelector("select:enabled");
    await page.locator(".opening button").last().click();
    await page.waitForSelector("[data-end=complete]");
    await page.locator("[aria-controls=settings]").click();
    assert.deepEqual(await overflowing(page), []);
    assert.deepEqual([page.complaints, page.strangers], [[], []]);
  });
}
