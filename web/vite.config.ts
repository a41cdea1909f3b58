// Builds the pages into `dist`, which is committed and embedded in the program. The same source makes the same bytes on
// every machine: fixed file names, no time and no path of the machine in any file.

import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";

const web = import.meta.dirname;

/** What the page may reach: this server and nothing else. A browser that meets anything else refuses it. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** Single files, from `web/`, that make `dist` together with all files below `web/src`. */
const STAMPED = [
  "index.html",
  "package-lock.json",
  "package.json",
  "svelte.config.js",
  "tsconfig.json",
  "vite.config.ts",
];

/**
 * The stamp says which source `dist` was made from, so that a test without node can see that it is out of date.
 *
 * `dist/source.sha256` holds 64 lower-case hexadecimal digits and a line feed. The digits are the SHA-256 of the text
 * that is made so:
 *
 * 1. Take the six files of `STAMPED` and every file at any depth below `src`, whatever its name. `tests` is not part of it.
 * 2. Write each file's path from `web/` with `/` between folders (`src/main.ts`), and sort the paths by their bytes.
 * 3. For each path, in that order, add: the path, one NUL byte, the SHA-256 of the file's bytes as 64 lower-case
 *    hexadecimal digits, one line feed.
 */
function stamp(): string {
  const below = readdirSync(join(web, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(web.length + 1).replaceAll("\\", "/"));
  const paths = [...STAMPED, ...below];
  paths.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const lines = paths.map((path) => `${path}\0${sha256(readFileSync(join(web, path)))}\n`);
  return sha256(lines.join(""));
}

function sha256(bytes: Buffer | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Adds the stamp and the policy. Both are for the built pages only: the development server needs inline scripts. */
function finish(): Plugin {
  return {
    name: "sinew-finish",
    apply: "build",
    generateBundle() {
      this.emitFile({ type: "asset", fileName: "source.sha256", source: `${stamp()}\n` });
    },
    transformIndexHtml() {
      const attrs = { "http-equiv": "Content-Security-Policy", content: POLICY };
      return [{ tag: "meta", attrs, injectTo: "head-prepend" }];
    },
  };
}

export default defineConfig({
  root: web,
  plugins: [svelte(), finish()],
  // While somebody works on the pages, the answers come from a server that runs beside.
  server: { proxy: { "/api": "http://127.0.0.1:7390", "/v1": "http://127.0.0.1:7390" } },
  build: {
    target: ["chrome123", "firefox121", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: false,
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        entryFileNames: "assets/app.js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/[name][extname]",
      },
    },
  },
});
