/** The built package in a browser, as plain modules under a strict Content-Security-Policy. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { extname } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { verify } from "countersign/verify";
import * as esbuild from "esbuild";
import type { Page as Tab } from "playwright-core";
import { launch } from "../chromium.ts";
import type { Page } from "./browser/page.ts";
import { caseNamed, cases, stripped } from "./cases.ts";
import { exportOf } from "./inputs.ts";

const POLICY = {
  "default-src": "'none'",
  "script-src": "'self' 'nonce-map' 'wasm-unsafe-eval'",
  "worker-src": "'self'",
  "connect-src": "'self'",
};

const TYPES: Record<string, string> = { ".js": "text/javascript", ".wasm": "application/wasm" };

const IMPORTS = {
  "countersign/verify": "/countersign/dist/verify/verify.js",
  "#verifier": "/countersign/dist/artifact/verifier.js",
  "countersign/slim": "/countersign/dist/slim.js",
  "countersign/verify/worker": "/countersign/dist/verify/worker.js",
  "countersign/verifier.wasm": "/countersign/dist/wasm/verifier_bg.wasm",
};

const HTML = `<!doctype html>
<script type="importmap" nonce="map">${JSON.stringify({ imports: IMPORTS })}</script>
<script type="module" src="/page.js"></script>`;

const large = exportOf({ chains: 4, events: 2000 });

const { outputFiles } = await esbuild.build({
  entryPoints: [fileURLToPath(new URL("browser/page.ts", import.meta.url))],
  bundle: true,
  format: "esm",
  external: ["countersign/*"],
  write: false,
});

const served = new Map<string, Uint8Array>([
  ["/page.js", outputFiles[0]?.contents ?? assert.fail()],
  ["/large", large.bytes],
  ...cases.map(({ name, bytes }) => [`/cases/${name}`, bytes] as const),
]);

/** Whoever reads the stream wants the next part. */
let wanted = Promise.withResolvers<void>();

/** A log as it goes on: each part ends with a checkpoint. */
async function stream(response: ServerResponse): Promise<void> {
  const parts = new TextDecoder().decode(caseNamed("log-two-chains").bytes).split(/(?<="checkpoint".*\n)/);
  for (const part of parts) {
    for (const line of part.trimEnd().split("\n")) {
      response.write(`data: ${line}\n\n`);
    }
    await wanted.promise;
    wanted = Promise.withResolvers();
  }
}

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://x");
  const policy = { ...POLICY, ...JSON.parse(searchParams.get("policy") ?? "{}") };
  response.setHeader(
    "content-security-policy",
    Object.entries(policy)
      .map((entry) => entry.join(" "))
      .join("; "),
  );
  response.setHeader("content-type", TYPES[extname(pathname)] ?? "text/html");
  if (pathname === "/stream") {
    response.setHeader("content-type", "text/event-stream");
    stream(response);
  } else if (pathname === "/next") {
    wanted.resolve();
    response.end();
  } else if (pathname.startsWith("/countersign/dist/")) {
    response.end(readFileSync(new URL(`../../packages${pathname}`, import.meta.url)));
  } else {
    response.end(pathname === "/" ? HTML : served.get(pathname));
  }
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const { port } = server.address() as { port: number };

const browser = await launch();
after(async () => {
  await browser.close();
  server.close();
});

async function open(policy: Partial<typeof POLICY> = {}): Promise<Tab> {
  const tab = await browser.newPage();
  await tab.goto(`http://127.0.0.1:${port}/?policy=${encodeURIComponent(JSON.stringify(policy))}`);
  await tab.waitForFunction("globalThis.verifyPage");
  return tab;
}

/** Calls a function of the page's. */
async function call<Name extends keyof Page>(
  tab: Tab,
  name: Name,
  ...args: Parameters<Page[Name]>
): Promise<Awaited<ReturnType<Page[Name]>>> {
  return tab.evaluate(
    ([name, args]) => {
      const { verifyPage } = globalThis as unknown as { verifyPage: Record<string, (...args: unknown[]) => unknown> };
      return verifyPage[name as string]?.(...(args as unknown[]));
    },
    [name, args],
  ) as Promise<Awaited<ReturnType<Page[Name]>>>;
}

for (const threads of [0, 2]) {
  test(`every case gives its report with ${threads} threads`, async () => {
    const tab = await open();
    const files = cases.map(({ name, options: { expect, ...options } }) => ({
      address: `/cases/${name}`,
      options: { ...options, threads, expect: expect && { ...expect, now: expect.now?.toISOString() } },
    }));
    // Absent and undefined are one when they cross to the browser.
    const reports = await call(tab, "reports", JSON.parse(JSON.stringify(files)));
    assert.deepEqual(
      Object.fromEntries(reports.map((report, place) => [cases[place]?.name, stripped(report)])),
      Object.fromEntries(cases.map(({ name, report }) => [name, report])),
    );
    await tab.close();
  });
}

test("a long export, its events and what it comes from", async () => {
  const tab = await open();
  for (const [source, threads] of [
    ["blob", 1],
    ["response", 2],
    ["bytes", 3],
    ["blob", 0],
  ] as const) {
    const { report, lines } = await call(tab, "verify", "/large", source, { trust: large.trust, threads });
    assert.equal(report.verdict, "verified");
    assert.deepEqual(lines.sort(), large.events.toSorted());
  }
  await tab.close();
});

test("what is told beside events is what Node.js is told", async () => {
  const tab = await open();
  for (const name of ["log-two-chains", "log-flip-event", "withheld-120", "large-range"]) {
    const { bytes, options } = caseNamed(name);
    const marks: unknown[] = [];
    const { report } = await verify(bytes, { ...options, onMarks: (batch) => void marks.push(...batch) });
    const { trust } = options;
    for (const threads of [0, 1, 2]) {
      const told = await call(tab, "told", `/cases/${name}`, { ...(trust !== undefined && { trust }), threads });
      assert.deepEqual(told.marks, marks);
      assert.deepEqual(new Set(told.codes), new Set(Object.keys(report.finding_counts)));
    }
  }
  await tab.close();
});

test("a log that goes on", async () => {
  const tab = await open();
  const trust = caseNamed("log-two-chains").options.trust ?? "";
  for (const threads of [0, 1] as const) {
    assert.deepEqual(await call(tab, "live", "/stream", trust, threads, 2), ["partial", "verified", "enough"]);
  }
  await tab.close();
});

test("cancelling", async () => {
  const tab = await open();
  for (const threads of [0, 1, 2]) {
    assert.equal(await call(tab, "canceled", "/large", threads), "enough");
  }
  await tab.close();
});

test("where the policy lets no file be fetched, the WebAssembly is code", async () => {
  const tab = await open({ "connect-src": "'none'" });
  assert.equal(await call(tab, "error", 1), undefined);
  await tab.close();
});

for (const [policy, code, hint] of [
  [{ "script-src": "'self' 'nonce-map'" }, "wasm.unavailable", /'wasm-unsafe-eval'/],
  [{ "worker-src": "'none'" }, "worker.unavailable", /worker-src/],
] as const) {
  test(`an error with a hint where the policy is ${JSON.stringify(policy)}`, async () => {
    const tab = await open(policy);
    for (const threads of [1, 2]) {
      const error = await call(tab, "error", threads);
      assert.equal(error?.code, code);
      assert.match(error?.hint ?? "", hint);
    }
    await tab.close();
  });
}
