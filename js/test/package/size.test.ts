/** Tests how many bytes the package adds to a deployment: minified code and WebAssembly, each after brotli. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, test } from "node:test";
import { type Bundle, bundle, CONDITIONS, compressed } from "./bundling.ts";
import { Installed } from "./installed.ts";

const installed = new Installed("countersign", "@countersign/viewer");
after(() => installed.remove());

const { workerd, browser } = CONDITIONS;
const KB = 1000;

/** Fails if the size exceeds the budget, which has 10% room above the size when it was set. */
function within(bytes: number, budget: number): void {
  assert.ok(bytes <= budget, `${bytes} bytes, of at most ${budget}`);
}

function artifacts({ artifacts: found }: Bundle, ...expected: string[]): void {
  assert.deepEqual(found, expected);
}

test("bundle size: a Worker with withCountersign", async () => {
  const worker = `
    import { withCountersign } from "countersign/cloudflare";
    export default withCountersign((env) => ({ key: env.KEY, to: env.TO, log: env.LOG }), {
      async fetch(request, env, ctx, audit) {
        audit.record({ action: "job.delete", actor: { id: "u_1" } });
        return new Response("ok");
      },
    });`;
  const made = await bundle(installed, worker, workerd);
  artifacts(made, "recorder_bg.wasm");
  within(made.size, 132 * KB);
  within(made.codeSize, 50 * KB);
});

const RECORDING = `
  const audit = createRecorder({ key: "", to: "https://log.example", log: "" });
  audit.record({ action: "job.delete", actor: { id: "u_1" } });
  await audit.close();`;

test("bundle size: countersign in a Worker", async () => {
  const worker = `import { createRecorder } from "countersign"; export default { async fetch() { ${RECORDING} } };`;
  const made = await bundle(installed, worker, workerd);
  artifacts(made, "recorder_bg.wasm");
  within(made.codeSize, 44.2 * KB);
  within(made.size, 127 * KB);
});

test("bundle size: countersign in a page, with inlined WebAssembly", async () => {
  const page = `import { createRecorder } from "countersign"; async function main() { ${RECORDING} } main();`;
  const made = await bundle(installed, page, browser);
  artifacts(made);
  within(made.size, 140 * KB);
});

test("bundle size: unused exports are removed", async () => {
  const outbox = `import { durableObjectOutbox } from "countersign/cloudflare"; console.log(durableObjectOutbox);`;
  for (const [module, most] of [
    [`import { CountersignError } from "countersign"; console.log(CountersignError);`, 240],
    [`import { memory } from "countersign"; console.log(memory);`, 200],
    [outbox, 2130],
  ] as const) {
    const made = await bundle(installed, module, workerd);
    artifacts(made);
    assert.ok(made.size <= most, `${made.size} bytes, of ${most}: ${made.files}`);
  }
});

/** Bytes that these functions add to a recorder. */
const BESIDE: readonly (readonly [string, string, number])[] = [
  ["countersign", "asyncContext", 305],
  ["countersign/opentelemetry", "traced", 310],
  ["countersign/opentelemetry", "AuditLogProcessor", 1080],
  ["countersign", "defineEvents", 670],
  ["countersign", "change", 465],
  ["countersign/postgres", "drainer", 2260],
  ["countersign", "recordMany", 780],
  ["countersign", "auditFetch", 3200],
  ["countersign/mcp", "auditMcp", 8200],
  ["countersign/ai-sdk", "auditTools", 5100],
];

for (const [entry, name, budget] of BESIDE) {
  test(`bundle size: ${name} of ${entry} in addition to a recorder`, async () => {
    const recorder = `import { createRecorder } from "countersign"; async function main() { ${RECORDING} } main();`;
    const [alone, both] = await Promise.all([
      bundle(installed, recorder, workerd),
      bundle(installed, `import { ${name} } from "${entry}"; ${recorder} console.log(${name});`, workerd),
    ]);
    within(both.codeSize - alone.codeSize, budget);
  });
}

test("bundle size: verifying and recording don't include each other", async () => {
  const verifying = await bundle(installed, `import { verify } from "countersign/verify"; verify();`, workerd);
  artifacts(verifying, "verifier_bg.wasm");
  assert.deepEqual(
    verifying.files.filter((file) => /^(record|deliver|outbox|adapters|log)\//.test(file)),
    [],
  );
  const recording = await bundle(installed, `import { createRecorder } from "countersign"; createRecorder();`, workerd);
  assert.deepEqual(
    recording.files.filter((file) => /^(verify|adapters|log|keys)\//.test(file)),
    [],
  );
});

test("bundle size: the viewer with its assets", () => {
  within(compressed(readFileSync(installed.path("node_modules/@countersign/viewer/dist/viewer.js"))), 92 * KB);
});
