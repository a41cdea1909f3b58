// The console of a running Sinew. What it shows is compared with what the server says to the same key.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { overflowing, startBrowser } from "./support/browser.mjs";

const { SINEW_URL: url, SINEW_KEY: labKey, SINEW_OWNER_KEY: ownerKey } = process.env;
const skip = url === undefined ? "needs a running Sinew (SINEW_URL)" : false;
let browser;

before(async () => (browser = skip ? undefined : await startBrowser()));
after(() => browser?.close());

async function viewOf(key, language = "en") {
  const headers = { Authorization: `Bearer ${key}`, "Accept-Language": language };
  const answer = await fetch(`${url}/api/console?window_s=86400`, { headers });
  assert.equal(answer.status, 200);
  return answer.json();
}

async function open(key, options) {
  const page = await browser.page(url, options);
  await page.goto(`/console#key=${key}`);
  await page.waitForSelector("[data-section=control]");
  return page;
}

test("both pages come from the server, and an unknown key is turned away", { skip }, async () => {
  for (const path of ["/console", "/chat"]) {
    const page = await browser.page(url);
    await page.goto(path);
    await page.getByLabel("API key").fill("sk-nobody");
    await page.keyboard.press("Enter");
    await page.getByText("The server does not know this key").waitFor();
    assert.deepEqual(page.complaints, []);
  }
});

test("the lab sees its pool, contract, workloads and models", { skip }, async () => {
  const view = await viewOf(labKey);
  const page = await open(labKey);
  await page.getByRole("button", { name: "24 h" }).click();
  await page.locator("header").getByText(view.organisation.name).waitFor();
  for (const pool of view.pools) {
    await page.locator("[data-section=pools]").getByText(pool.name, { exact: true }).waitFor();
  }
  await page.locator("[data-bar=own]").first().waitFor();
  for (const contract of view.contracts) {
    await page.locator(`[data-contract="${contract.id}"]`).getByText(contract.recall_bound).first().waitFor();
  }
  for (const workload of view.workloads) {
    await page.locator(`[data-workload="${workload.name}"]`).first().waitFor();
  }
  for (const { reference } of view.releases) {
    await page.locator(`[data-model="${reference}"]`).waitFor();
  }
  assert.ok(view.pools.length > 0 && view.contracts.length > 0 && view.releases.length > 0);
  assert.deepEqual([page.complaints, page.strangers], [[], []]);
});

test("the owner sees who holds its cells and opens its invoice, and reads no workload of the lab", { skip }, async () => {
  const view = await viewOf(ownerKey);
  const foreign = (holding) => holding.organisation !== view.organisation.name;
  const holdings = view.pools.flatMap((pool) => pool.strip.intervals).filter(foreign);
  assert.ok(holdings.length > 0, "the demo's lab held cells");
  assert.deepEqual(holdings.filter((holding) => holding.workload !== null), []);
  const page = await open(ownerKey);
  await page.getByText("yours", { exact: false }).first().waitFor();
  for (const invoice of view.invoices) {
    const shown = page.locator(`[data-invoice="${invoice.number}"]`).first();
    await shown.locator("summary").click();
    for (const line of invoice.lines) {
      await shown.getByText(line.amount).first().waitFor();
    }
  }
  assert.deepEqual(page.complaints, []);
});

test("the page is live: it goes on asking, and its clock goes on", { skip }, async () => {
  const page = await open(labKey);
  const clock = page.locator(".axis .now").first();
  const first = await clock.textContent();
  await page.waitForFunction((text) => document.querySelector(".axis .now").textContent !== text, first);
});

for (const [language, width] of [["en-GB", 360], ["fr-FR", 360], ["en-GB", 1280], ["fr-FR", 1280]]) {
  test(`nothing sticks out with real data at ${width} px in ${language}`, { skip }, async () => {
    for (const key of [labKey, ownerKey]) {
      const page = await open(key, { width, language });
      await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
      assert.deepEqual(await overflowing(page), []);
      await page.context().close();
    }
  });
}
