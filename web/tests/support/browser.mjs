// Debian's Chromium without a screen, as each test file uses it.

import { chromium } from "playwright-core";

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Starts a browser with a fresh profile. `page(url, options)` opens a page in a context of its own. */
export async function startBrowser() {
  const browser = await chromium.launch({
    executablePath: process.env.SINEW_CHROMIUM ?? "/usr/bin/chromium",
    args: FLAGS,
    headless: true,
  });
  const close = () => browser.close();
  const page = async (url, { language = "en-GB", width = 1280, height = 800, dark = false } = {}) => {
    const context = await browser.newContext({
      baseURL: url,
      locale: language,
      viewport: { width, height },
      colorScheme: dark ? "dark" : "light",
    });
    const opened = await context.newPage();
    return watch(opened);
  };
  return { page, close };
}

/** Notes what no page of ours may do: reach another server, or fail without anybody seeing it. */
function watch(page) {
  page.complaints = [];
  page.strangers = [];
  page.on("pageerror", (error) => page.complaints.push(error.message));
  page.on("console", (message) => {
    // A refused or lost request is told by the browser itself; the page tells it to the reader.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) {
      page.complaints.push(message.text());
    }
  });
  page.on("request", (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (protocol !== "data:" && hostname !== "127.0.0.1") {
      page.strangers.push(request.url());
    }
  });
  return page;
}

/** What sticks out of the page to the side, as a list of elements. */
export function overflowing(page) {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const sticksOut = (element) => {
      const box = element.getBoundingClientRect();
      return box.width > 1 && box.right > 0 && (box.right > width + 1 || box.left < -1);
    };
    const named = (element) => `${element.tagName}.${element.getAttribute("class") ?? ""} ${element.textContent.slice(0, 40)}`;
    const found = [...document.querySelectorAll("body *")].filter(sticksOut).map(named);
    return document.documentElement.scrollWidth > width ? [`page ${document.documentElement.scrollWidth} px`, ...found] : found;
  });
}
