/** Tests that errors name the worker that failed, and keep the stack. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { createVerifier } from "countersign/slim";
import { CountersignError } from "../../packages/countersign/dist/error.js";
import type { WorkerLike } from "../../packages/countersign/dist/rpc/worker-group.js";
import { createAnalysis } from "../../packages/ui/dist/analyze/create-analysis.js";
import { createIndex } from "../../packages/ui/dist/index/create-index.js";
import { createOverview } from "../../packages/ui/dist/overview/create-overview.js";
import { createSlicer } from "../../packages/ui/dist/slice/create-slicer.js";
import { workerWith } from "./workers.ts";

const EMPTY_MODULE = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
const module = async () => EMPTY_MODULE;
const FACTS = { origin: null, log: null, verdict: "verified", complete: null } as const;

/** Fails a test with a call that never settles. */
const BOUNDED = { timeout: 30_000 };

/** Makes a call to each kind of worker, after starting it. */
const CALLS: Readonly<Record<string, (worker: () => WorkerLike) => Promise<unknown>>> = {
  verifier: (worker) => createVerifier({ module: EMPTY_MODULE, worker }).verify(new Uint8Array(1), { threads: 1 }),
  index: (worker) => createIndex({ module, worker }).rows(0, 1, []),
  slicer: (worker) => {
    const { verify } = createVerifier({ module: EMPTY_MODULE });
    return createSlicer({ module, worker, verify }).sha256(new Blob([]));
  },
  analyzer: (worker) => createAnalysis({ module, worker }, "").select(undefined),
  overview: (worker) => createOverview({ module, worker }).endpoints(undefined),
};

for (const [name, call] of Object.entries(CALLS)) {
  test(`rpc: an error in the worker of the ${name} names the ${name} and keeps its stack`, BOUNDED, async () => {
    const worker = () =>
      workerWith({
        begin: function beginOfWorker() {
          throw new TypeError("it broke");
        },
      });
    await assert.rejects(call(worker), (error) => {
      assert.ok(error instanceof CountersignError);
      assert.deepEqual([error.code, error.message], ["worker.failed", `the ${name} failed: it broke`]);
      assert.ok(error.cause instanceof Error);
      assert.equal(error.cause.name, "TypeError");
      assert.match(error.cause.stack ?? "", /beginOfWorker/);
      return true;
    });
  });

  test(`rpc: a worker of the ${name} of another version is reported`, BOUNDED, async () => {
    await assert.rejects(
      call(() => workerWith({})),
      {
        code: "worker.incompatible",
        message: `the ${name} has no method "begin"`,
      },
    );
  });
}

test("rpc: a failing simulation names the overview", BOUNDED, async () => {
  const worker = () =>
    workerWith({
      expose: () => {
        throw new TypeError("it broke");
      },
    });
  await assert.rejects(createOverview({ module, worker }).expose([], FACTS, undefined), {
    code: "worker.failed",
    message: "the overview failed: it broke",
  });
});
