/** A slicer whose workers share this thread. */

import { readFileSync } from "node:fs";
import { verify } from "countersign/verify";
import type { Port } from "../../packages/countersign/dist/rpc/connect.js";
import type { WorkerLike } from "../../packages/countersign/dist/rpc/worker-group.js";
import { createSlicer } from "../../packages/ui/dist/slice/create-slicer.js";
import { work } from "../../packages/ui/dist/slice/work.js";

const module = new WebAssembly.Module(
  readFileSync(new URL("../../packages/ui/dist/wasm/slicer_bg.wasm", import.meta.url)),
);

/** Number of workers started and ended. */
export const workers = { started: 0, ended: 0 };

/** Clones a message like sending it, except for modules, which Node.js only clones for threads. */
function crossing(message: unknown): MessageEvent {
  const { args, ...rest } = message as { args?: unknown[] };
  const cloned = args?.map((one) => (one instanceof WebAssembly.Module ? one : structuredClone(one)));
  return { data: { ...structuredClone(rest), ...(cloned && { args: cloned }) } } as MessageEvent;
}

/** Returns a worker in this thread, whose messages are cloned. */
function worker() {
  workers.started += 1;
  let isEnded = false;
  const deliver = (to: Port, message: unknown) => {
    const event = crossing(message);
    queueMicrotask(() => !isEnded && to.onmessage?.(event));
  };
  const inside: Port = { onmessage: null, postMessage: (message) => deliver(worker, message) };
  const worker: WorkerLike = {
    onmessage: null,
    onerror: null,
    onmessageerror: null,
    postMessage: (message) => deliver(inside, message),
    terminate() {
      workers.ended += 1;
      isEnded = true;
    },
  };
  work(inside);
  return worker;
}

export const slicer = createSlicer({
  module: async () => module,
  worker,
  verify: (source, options) => verify(source, { ...options, threads: 0 }),
});
