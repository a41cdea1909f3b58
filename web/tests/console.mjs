// The console against a fake of the server: what it shows, and states that a real server reaches seldom.

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

async function open(key, options) {
  const page = await browser.page(mock.url, options);
  await page.goto(`/console#key=${key}`);
  await page.waitForSelector("[data-section=control]");
  return page;
}

test("the lab reads who holds what, why it waits, and what it owes", async () => {
  const page = await open("sk-lyra");
  const shows = async (where, ...texts) => {
    const text = (await page.locator(where).innerText()).replace(/\s+/g, " ");
    texts.forEach((wanted) => assert.ok(text.includes(wanted), `${where} lacks "${wanted}": ${text}`));
  };
  await shows("[data-section=pools]", "of aurora · you hold 2 of at most 2 chips", "lyra · serve-chat-nano own, since", "leaves by");
  await shows("[data-workload=hybrid-8]", "waiting", "wants 1 chip to 2 chips", "all 2 chips that it may use are held");
  await shows("[data-workload=empty-text]", "failed", "status 1: the text file is empty");
  await shows("[data-section=contracts]", "aurora → lyra (you)", "1 chip at 0.02 USD/chip-hour", "5s = notice 3s");
  await shows("[data-section=contracts]", "72.5 chip-seconds guaranteed, 48 chip-seconds borrowed");
  await page.locator("[data-invoice='2'] summary").click();
  await shows("[data-invoice='2']", "guaranteed 72.5 chip-seconds 0.02 USD/chip-hour 0.000403 USD");
  await shows("[data-section=models]", "chat-nano@1 served by serve-chat-nano (running)", "trained by chat-nano");
  assert.deepEqual(page.complaints, []);
});

test("an invoice is saved as a file and stands alone on paper", async () => {
  const page = await open("sk-lyra");
  await page.route("**/api/export/**", (route) => {
    const { pathname, searchParams } = new URL(route.request().url());
    route.fulfill({ contentType: "text/plain", body: `${pathname} ${searchParams.get("number")}` });
  });
  await page.locator("[data-invoice='2'] summary").click();
  const [saved] = await Promise.all([
    page.waitForEvent("download"),
    page.locator("[data-invoice='2'] .files button", { hasText: "hledger" }).click(),
  ]);
  assert.equal(saved.suggestedFilename(), "invoice-2.journal");
  await page.emulateMedia({ media: "print" });
  assert.ok(await page.locator("[data-invoice='2'] table").isVisible());
  for (const hidden of ["[data-section=pools]", "[data-invoice='2'] .files"]) {
    assert.ok(!(await page.locator(hidden).isVisible()), hidden);
  }
  assert.deepEqual(page.complaints, []);
});

test("owner and lab read what the machine does not enforce, in their language", async () => {
  for (const key of ["sk-aurora", "sk-lyra"]) {
    const page = await open(key);
    const row = async (protection) => (await page.locator(`[data-protection=${protection}]`).innerText()).replace(/\s+/g, " ");
    assert.match(await row("memory"), /^memory limit Weaker: each process's own memory is limited/);
    assert.match(await row("disk"), /^disk limit Not enforced: a program can fill the disk/);
    assert.equal(await row("enforced"), "Enforced own files and cores");
    await page.context().close();
  }
  const page = await open("sk-lyra", { language: "fr-FR" });
  const text = await page.locator("[data-section=machine]").innerText();
  assert.match(text, /limite de disque\s+Non garanti : un programme peut remplir/);
});

test("owner and lab read who owes whom, and a lab reads its own flows only", async () => {
  const read = async (key, options) => {
    const page = await open(key, options);
    const section = page.locator("[data-money=USD]");
    await section.waitFor();
    assert.equal(await section.locator("path").count(), key === "sk-aurora" ? 2 : 1);
    const text = (await section.innerText()).replace(/\s+/g, " ");
    await page.context().close();
    return text;
  };
  assert.match(await read("sk-aurora"), /Gross 0.00125 USD .* vega owes aurora \(you\) 0.000444 USD, by 2 invoices/);
  const french = await read("sk-lyra", { language: "fr-FR" });
  assert.match(french, /Brut 0.000806 USD .* lyra \(vous\) doit 0.000806 USD à aurora, selon 2 factures/);
  assert.doesNotMatch(french, /vega/);
});

test("what is wrong with the money alone is said where the money stands", async () => {
  const page = await browser.page(mock.url);
  let fails = true;
  await page.route("**/api/money", (route) => {
    const answer = { status: 409, contentType: "application/problem+json", body: JSON.stringify({ detail: "These sums are too large." }) };
    return fails ? route.fulfill(answer) : route.continue();
  });
  await page.goto("/console#key=sk-lyra");
  const section = page.locator("[data-section=money]");
  await section.getByText("These sums are too large.").waitFor();
  assert.ok(await page.locator("[data-section=pools]").isVisible());
  fails = false;
  await page.evaluate(() => window.dispatchEvent(new Event("online")));
  await section.locator("[data-money=USD]").waitFor();
  assert.ok(!(await section.innerText()).includes("too large"));
});

test("a cell that the lab gave back is still on its strip", async () => {
  mock.does.changes = (view) => {
    const [pool] = view.pools;
    return { ...view, pools: [{ ...pool, cells: pool.cells.filter(({ index }) => index !== 3) }] };
  };
  const page = await open("sk-lyra");
  const row = page.locator("[data-cell='3']");
  assert.equal(await row.locator(".holder").innerText(), "not held by you");
  assert.equal(await row.locator("[data-bar=borrowed]").count(), 3);
});

test("units are in the reader's language", async () => {
  const page = await open("sk-lyra", { language: "fr-FR" });
  const text = await page.locator("[data-section=contracts]").innerText();
  assert.match(text, /1 puce à 0.02 USD\/puce-heure/);
  assert.match(text, /72.5 puce-secondes garantis/);
});

test("a cell that was held all along is one bar, whatever happened to the cells beside it", async () => {
  mock.does.changes = (view) => {
    const [pool] = view.pools;
    const [held] = pool.strip.intervals;
    const middle = new Date((Date.parse(held.from) + Date.parse(held.to)) / 2).toISOString();
    const intervals = [{ ...held, from: middle }, { ...held, to: middle }, { ...held, from: held.to, kind: "borrowed", to: null }];
    return { ...view, pools: [{ ...pool, strip: { ...pool.strip, intervals } }] };
  };
  const page = await open("sk-lyra");
  const kinds = await page.locator("[data-cell='2'] [data-bar]").evaluateAll((bars) => bars.map((bar) => bar.dataset.bar));
  assert.deepEqual(kinds, ["own", "borrowed"]);
});

test("each bar can be reached with the keyboard and says what it was", async () => {
  const page = await open("sk-lyra");
  const bars = page.locator("[data-cell='3'] [data-bar]");
  await page.locator("[data-cell='3'] [data-bar][tabindex='0']").focus();
  const told = page.locator(".told");
  assert.match(await told.innerText(), /cell 3 · borrowed · lyra · chat-nano · \d\d:\d\d:\d\d – /);
  await page.keyboard.press("End");
  assert.match(await told.innerText(), /hybrid-7 · \d\d:\d\d:\d\d – now/);
  await page.keyboard.press("ArrowLeft");
  assert.match(await bars.nth(1).getAttribute("aria-label"), /29/);
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute("data-bar")), "borrowed");
  await page.locator("[data-cell='2'] [data-bar]").first().hover();
  assert.match(await told.innerText(), /cell 2 · own/);
});

test("what an owner may not know of a lab is not there", async () => {
  const page = await open("sk-aurora");
  const text = await page.locator("body").innerText();
  assert.ok(text.includes("lyra") && !text.includes("hybrid"));
  assert.equal(await page.locator("[data-cell='3'] .who").innerText(), "lyra");
});

test("the reader chooses how far back the strip goes", async () => {
  const page = await open("sk-lyra");
  await page.getByRole("button", { name: "1 h", exact: true }).click();
  await page.waitForFunction(() => document.querySelector("[aria-pressed=true][data-window='3600']") !== null);
  await page.waitForResponse((response) => response.url().endsWith("window_s=3600"));
  assert.equal(mock.asked.at(-1).search.get("window_s"), "3600");
});

test("where there is nothing yet, the page says what to type", async () => {
  const page = await open("sk-new");
  for (const name of ["pools", "workloads", "contracts", "invoices", "models"]) {
    const code = await page.locator(`[data-section=${name}] code`).innerText();
    assert.match(code, /^sinew /);
  }
});

test("a lost connection is said quietly, what was there stays, and the page recovers by itself", async () => {
  const page = await open("sk-lyra");
  mock.does.drops = true;
  await page.getByText("Connection lost, trying again.").waitFor();
  await page.getByText("What you see is from").waitFor();
  assert.ok(await page.getByText("this-machine").first().isVisible());
  mock.does.drops = false;
  mock.does.changes = (view) => ({ ...view, pools: view.pools.map((pool) => ({ ...pool, name: "afterwards" })) });
  await page.getByText("afterwards").waitFor();
  await page.getByText("Connection lost").waitFor({ state: "detached" });
});

test("a server that says no is quoted", async () => {
  const page = await open("sk-lyra");
  mock.does.fails = { status: 503, detail: "The journal is being replayed: 812 of 9000 records." };
  await page.getByText("The journal is being replayed: 812 of 9000 records. Trying again.").waitFor();
});

test("what this page cannot show does not leave it blank", async () => {
  const page = await browser.page(mock.url);
  mock.does.changes = (view) => ({ ...view, pools: null, workloads: 7 });
  await page.goto("/console#key=sk-lyra");
  await page.getByText("This page met something that it cannot show.").waitFor();
  mock.does.changes = (view) => view;
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByText("this-machine").first().waitFor();
});

test("a large pool opens on its first cells", async () => {
  const many = Array.from({ length: 200 }, (_, index) => ({ index, device: index, holding: null }));
  mock.does.changes = (view) => ({ ...view, pools: view.pools.map((pool) => ({ ...pool, cells: many })) });
  const page = await open("sk-lyra");
  assert.equal(await page.locator("[data-cell]").count(), 48);
  await page.getByRole("button", { name: "Show 152 more cells" }).click();
  assert.equal(await page.locator("[data-cell]").count(), 200);
});
