/** The packed package in every runtime, recording real events: the same bytes everywhere, and all verified. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { extname, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import * as esbuild from "esbuild";
import { Miniflare } from "miniflare";
import { chromium } from "playwright-core";
import { build } from "vite";
import { realEvents } from "../real-events.ts";
import { Installed } from "./installed.ts";
import { KEY, TRUST } from "./scenario.mjs";

const run = promisify(execFile);
const tool = (name: string) => fileURLToPath(new URL(`../../node_modules/.bin/${name}`, import.meta.url));

const sources = realEvents();
const skip = typeof sources === "string" ? sources : false;
const installed = new Installed();
after(() => installed.remove());

/** The file that an import in the project gives. */
const resolveImport = (specifier: string) => createRequire(installed.path("x.js")).resolve(specifier);

let first: Record<string, string> | undefined;
/** Exports must be those of the runtime before. */
function same(exports: Record<string, string>): void {
  assert.deepEqual(Object.keys(exports), Object.keys(sources));
  first ??= exports;
  for (const [name, text] of Object.entries(exports)) {
    assert.ok(text === first[name], `${name} differs`);
  }
}

test("the tarball holds what is built, and nothing else", () => {
  assert.deepEqual(
    installed.files.filter((path) => !/^dist\/|^(package\.json|README\.md|LICENSE.*)$/.test(path)),
    [],
  );
  for (const name of ["recorder", "recorder-slim", "verifier"]) {
    assert.ok(installed.files.includes(`dist/wasm/${name}_bg.wasm`));
    assert.ok(existsSync(resolveImport(`countersign/${name}.wasm`)));
  }
});

for (const resolution of ["nodenext", "bundler"]) {
  test(`its types, as module resolution ${resolution} finds them`, async () => {
    const module = resolution === "bundler" ? "esnext" : resolution;
    const options = `--noEmit --strict --exactOptionalPropertyTypes --target es2023 --lib es2023,dom --types`;
    const args = [...options.split(" "), "", "--module", module, "--moduleResolution", resolution];
    const { stdout } = await run(tool("tsc"), [...args, "test/consumer.ts"], { cwd: installed.folder }).catch((e) => e);
    assert.equal(stdout, "");
  });
}

test("whoever loads the WebAssembly brings it along", async () => {
  for (const [host, artefact] of [
    ["countersign/host", "recorder"],
    ["countersign/slim/host", "recorder-slim"],
  ] as const) {
    const { recording } = await import(pathToFileURL(resolveImport(host)).href);
    const { createRecorder } = recording(() =>
      WebAssembly.compile(readFileSync(resolveImport(`countersign/${artefact}.wasm`))),
    );
    const chunks: Uint8Array[] = [];
    const recorder = await createRecorder({
      key: KEY,
      origin: "log.example",
      to: (chunk: Uint8Array) => chunks.push(chunk),
    });
    await recorder.close();
    assert.equal(chunks.length, 1);
  }
});

for (const [runtime, program, ...args] of [
  ["Node", process.execPath],
  ["Deno", tool("deno"), "run", "--allow-read", "--allow-write", "--allow-env"],
  ["Bun", tool("bun"), "run"],
] as const) {
  test(`in ${runtime}`, { skip }, async () => {
    const [into, out] = [installed.path(`${runtime}-in.json`), installed.path(`${runtime}-out.json`)];
    writeFileSync(into, JSON.stringify(sources));
    await run(program, [...args, installed.path("test/main.mjs"), into, out], { cwd: installed.folder });
    same(JSON.parse(readFileSync(out, "utf8")));
  });
}

test("in workerd, without a compatibility flag", { skip }, async () => {
  // As wrangler bundles: WebAssembly stays a module of its own.
  const outdir = installed.path("worker");
  await esbuild.build({
    absWorkingDir: installed.folder,
    entryPoints: ["test/worker.mjs"],
    outdir,
    bundle: true,
    format: "esm",
    outExtension: { ".js": ".mjs" },
    conditions: ["workerd", "worker", "browser"],
    loader: { ".wasm": "copy" },
    assetNames: "[name]",
  });
  const path = join(outdir, "worker.mjs");
  const artefacts = ["recorder", "recorder-slim", "verifier"].map((name) => join(outdir, `${name}_bg.wasm`));
  const worker = new Miniflare({
    modulesRoot: outdir,
    modules: [{ type: "ESModule", path }, ...artefacts.map((path) => ({ type: "CompiledWasm" as const, path }))],
    compatibilityDate: "2026-01-01",
  });
  try {
    const response = await worker.dispatchFetch("http://worker.test/", {
      method: "POST",
      body: JSON.stringify(sources),
    });
    const text = await response.text();
    assert.equal(response.status, 200, text);
    same(JSON.parse(text));
  } finally {
    await worker.dispose();
  }
});

const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

/** Serves a folder with a Content-Security-Policy. */
async function serve(folder: string, scripts: string) {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://x").pathname;
    const file = join(folder, path === "/" ? "index.html" : path);
    if (!existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream");
    response.setHeader(
      "content-security-policy",
      `default-src 'none'; connect-src 'self'; worker-src 'self'; ${scripts}`,
    );
    response.end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return { address: `http://127.0.0.1:${port}/`, close: () => server.close() };
}

test("in a page built by Vite", { skip }, async (t) => {
  await build({
    root: installed.path("test/vite"),
    logLevel: "silent",
    worker: { format: "es" },
    build: { outDir: installed.path("page"), target: "es2023" },
  });
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  const open = async (scripts: string) => {
    const server = await serve(installed.path("page"), scripts);
    const page = await browser.newPage();
    await page.goto(server.address);
    await page.waitForFunction("globalThis.ready");
    return { page, server };
  };
  try {
    await t.test("with 'wasm-unsafe-eval' in its policy", async () => {
      const { page, server } = await open("script-src 'self' 'wasm-unsafe-eval'");
      const exports = await page.evaluate(
        (sources) => (globalThis as unknown as { scenario: (s: unknown) => unknown }).scenario(sources),
        sources,
      );
      same(exports as Record<string, string>);
      server.close();
    });
    await t.test("without it there is an error that says so", async () => {
      const { page, server } = await open("script-src 'self'");
      const error = await page.evaluate(() =>
        (globalThis as unknown as { recordOnce: (key: string) => Promise<unknown> })
          .recordOnce("PRIVATE+KEY+x")
          .catch(({ code, hint }) => ({ code, hint })),
      );
      assert.equal((error as { code: string }).code, "wasm.unavailable");
      assert.match((error as { hint: string }).hint, /wasm-unsafe-eval/);
      server.close();
    });
  } finally {
    await browser.close();
  }
});

const program = [process.env.COUNTERSIGN, "../target/release/countersign", "../target/debug/countersign"]
  .flatMap((path) => path ?? [])
  .map((path) => fileURLToPath(new URL(path, new URL("../../", import.meta.url))))
  .find(existsSync);

test("and the program verifies it", {
  skip: skip || (program ? false : "there is no program: cargo build"),
}, async () => {
  const trust = installed.path("trust.txt");
  writeFileSync(trust, TRUST);
  for (const [name, text] of Object.entries(first ?? assert.fail("no runtime recorded"))) {
    const file = installed.path(`${name}.ndjson`);
    writeFileSync(file, text);
    const { stdout } = await run(program ?? "", ["verify", file, "--trust", trust, "--json"]);
    assert.equal(JSON.parse(stdout).verdict, "verified", name);
  }
});
