/** Runs a project with the package in workerd and in a page. */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import * as esbuild from "esbuild";
import { Miniflare, type MiniflareOptions } from "miniflare";
import type { Page } from "playwright-core";
import * as vite from "vite";
import { launch } from "../chromium.ts";
import { CONDITIONS } from "./bundling.ts";
import type { Installed } from "./installed.ts";

/** Runs a module as a Worker, bundled like wrangler with WebAssembly as separate modules. */
export async function inWorkerd(
  installed: Installed,
  module: string,
  options: Partial<MiniflareOptions> = {},
): Promise<Miniflare> {
  const { outputFiles } = await esbuild.build({
    stdin: { contents: module, resolveDir: installed.path("test"), sourcefile: "worker.js" },
    absWorkingDir: installed.folder,
    outdir: "worker",
    bundle: true,
    format: "esm",
    conditions: [...CONDITIONS.workerd],
    loader: { ".wasm": "copy" },
    assetNames: "[name]",
    external: ["cloudflare:*"],
    write: false,
  });
  const name = (path: string) => path.replace(/^.*[/\\]/, "");
  const modules = outputFiles
    .map(({ path, contents, text }) =>
      path.endsWith(".wasm")
        ? { type: "CompiledWasm" as const, path: name(path), contents }
        : { type: "ESModule" as const, path: "worker.mjs", contents: text },
    )
    .sort(({ type }) => (type === "ESModule" ? -1 : 1));
  const worker = new Miniflare({ modules, compatibilityDate: "2026-01-01", ...options } as MiniflareOptions);
  try {
    await worker.ready;
  } catch (error) {
    // The Worker would keep the tests running.
    await worker.dispose();
    throw error;
  }
  return worker;
}

/** Builds a page from a module with Vite, and returns its folder. */
export async function build(installed: Installed, name: string, module: string): Promise<string> {
  const root = installed.path(name);
  mkdirSync(root);
  writeFileSync(join(root, "page.mjs"), module);
  writeFileSync(
    join(root, "index.html"),
    '<!doctype html><meta charset="utf-8" /><title>countersign</title><script type="module" src="./page.mjs"></script>\n',
  );
  return buildPage(root, installed.path(`${name}-page`));
}

/** Builds the page of a folder with Vite. */
export async function buildPage(root: string, outDir: string): Promise<string> {
  await vite.build({ root, logLevel: "silent", worker: { format: "es" }, build: { outDir, target: "es2023" } });
  return outDir;
}

const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

/** Opens a folder's page in Chromium with a Content-Security-Policy that includes this part. */
export async function inBrowser(folder: string, policy: string, work: (page: Page) => Promise<void>): Promise<void> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://x").pathname;
    const file = join(folder, path === "/" ? "index.html" : path);
    if (!existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream");
    const connect = policy.includes("connect-src") ? "" : "connect-src 'self'; ";
    response.setHeader("content-security-policy", `default-src 'none'; ${connect}worker-src 'self'; ${policy}`);
    response.end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${port}/`);
    await work(page);
  } finally {
    await browser.close();
    server.close();
  }
}
