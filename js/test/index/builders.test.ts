/** Tests how batches are distributed among the workers that build an index. */

import { test } from "node:test";
import { createIndex } from "../../packages/ui/dist/index/create-index.js";
import { workerWith } from "../rpc/workers.ts";

const EMPTY_MODULE = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
/** Larger than the limit of bytes on their way to a worker. */
const LARGE = 9 << 20;

test("builders: accept a batch that waits for room while the index settles", { timeout: 30_000 }, async (t) => {
  // With one core, there is one worker.
  t.mock.getter(navigator, "hardwareConcurrency", () => 1);
  const taken = Promise.withResolvers<void>();
  const begun = { begin() {}, join() {}, settle() {}, add: () => taken.promise, flush: () => taken.promise };
  const index = createIndex({ module: async () => EMPTY_MODULE, worker: () => workerWith(begun) });
  const added = index.add(new Uint8Array(LARGE));
  const settled = index.settle();
  taken.resolve();
  await Promise.all([added, settled]);
  index.close();
});
