/** `verify` with threads that are kept from one call to the next: hundreds of small exports don't start them anew. */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { createVerifier, type Verify, type WorkerLike } from "countersign/verify/host";
import { thread } from "../../dist/verify/thread.node.js";

/** Calls must end well before the next may have their threads. */
export function keptVerifier(): { verify: Verify; end: () => void } {
  const script = new URL(import.meta.resolve("countersign/verify/worker"));
  const module = fileURLToPath(import.meta.resolve("countersign/verifier.wasm"));
  const all: WorkerLike[] = [];
  const idle: WorkerLike[] = [];
  const start = () => {
    const worker = thread(script);
    all.push(worker);
    return worker;
  };
  const { verify } = createVerifier({
    module: async () => WebAssembly.compile(await readFile(module)),
    worker: () => {
      const worker = idle.pop() ?? start();
      const kept: WorkerLike = {
        postMessage: (message, transfer) => worker.postMessage(message, transfer),
        terminate: () => void idle.push(worker),
        onmessage: null,
        onerror: null,
        onmessageerror: null,
      };
      worker.onmessage = (event) => kept.onmessage?.(event);
      worker.onerror = (event) => kept.onerror?.(event);
      worker.onmessageerror = (event) => kept.onmessageerror?.(event);
      return kept;
    },
  });
  const end = () => {
    for (const worker of all) {
      worker.terminate();
    }
  };
  return { verify, end };
}
