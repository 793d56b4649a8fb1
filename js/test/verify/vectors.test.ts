import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createVerifier } from "countersign/slim";
import type { Verification } from "countersign/verify";
import script from "../../packages/countersign/dist/inlined/worker.node.js";
import { thread } from "../../packages/countersign/dist/verify/thread.node.js";
import { type Case, caseNamed, cases, stripped } from "./cases.ts";
import { inPieces } from "./inputs.ts";
import { ReusedWorkers } from "./reused-workers.ts";

const module = fileURLToPath(import.meta.resolve("countersign/verifier.wasm"));
const workers = new ReusedWorkers(() => thread(script));
after(() => workers.end());
const { verify } = createVerifier({
  module: async () => WebAssembly.compile(await readFile(module)),
  worker: () => workers.take(),
});

async function compareAll(verifyCase: (one: Case) => Promise<Verification>): Promise<void> {
  const differing: string[] = [];
  for (const one of cases) {
    const { report } = await verifyCase(one);
    try {
      assert.deepEqual(stripped(report), one.report);
    } catch (error) {
      differing.push(`${one.name}: ${error}`);
    }
  }
  assert.deepEqual(differing, []);
}

test("vectors: there are cases", () => {
  assert.ok(cases.length > 200);
});

for (const threads of [0, 1, 2, 3]) {
  test(`vectors: every case has its report with ${threads} threads`, () =>
    compareAll(({ bytes, options }) => verify(bytes, { ...options, threads })));
}

for (const [size, threads] of [
  [7, 0],
  [4096, 0],
  [509, 1],
  [4096, 2],
] as const) {
  test(`vectors: every case has its report in chunks of ${size} bytes with ${threads} threads`, () =>
    compareAll(({ bytes, options }) => verify(inPieces(bytes, size), { ...options, threads })));
}

test("vectors: single bytes work as chunks", async () => {
  const { bytes, report, options } = caseNamed("log-two-chains");
  for (const threads of [0, 1, 2]) {
    const verification = await verify(inPieces(bytes, 1), { ...options, threads });
    assert.deepEqual(stripped(verification.report), report);
  }
});

test("vectors: every case has its report with the plain module in workers", async () => {
  const requested: string[] = [];
  const kept = new Map<string, ReusedWorkers>();
  after(() => Promise.all([...kept.values()].map((workers) => workers.end())));
  const load = async (name: string) => {
    const file = new URL(`../../packages/viewer/dist/${name}.wasm`, import.meta.url);
    const compiled = await WebAssembly.compile(await readFile(file));
    // A worker keeps its first module.
    kept.set(name, new ReusedWorkers(() => thread(script)));
    return async () => {
      requested.push(name);
      return compiled;
    };
  };
  const setup = {
    module: await load("verifier"),
    plain: await load("verifier-plain"),
    worker: () => (kept.get(requested.at(-1) ?? "") as ReusedWorkers).take(),
  };
  const compressed = cases.filter(({ bytes }) => bytes[0] === 0x1f || bytes[0] === 0x28);
  assert.ok(compressed.length > 0);
  for (const one of cases) {
    requested.length = 0;
    const { report } = await createVerifier(setup).verify(one.bytes, { ...one.options, threads: 1 });
    assert.deepEqual(stripped(report), one.report, one.name);
    const [first] = new TextDecoder().decode(one.bytes.subarray(0, 1));
    const isText = first === undefined || /[{\s]/.test(first);
    assert.deepEqual(requested, [isText ? "verifier-plain" : "verifier"], one.name);
    assert.ok(!(isText && compressed.includes(one)));
  }
});
