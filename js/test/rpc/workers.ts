/** Workers in the same thread, for tests of the code that starts them. */

import { connect, type Port } from "../../packages/countersign/dist/rpc/connect.js";
import type { WorkerLike } from "../../packages/countersign/dist/rpc/worker-group.js";

/** Returns a worker that serves these methods. */
export function workerWith(methods: object): WorkerLike {
  const { port1, port2 } = new MessageChannel();
  connect(port2 as unknown as Port, methods, "host");
  const worker: WorkerLike = {
    // Modules can only be sent to real workers.
    postMessage: (message, transfer) => port1.postMessage(withoutModules(message), transfer),
    terminate: () => port1.close(),
    onmessage: null,
    onerror: null,
    onmessageerror: null,
  };
  port1.onmessage = (event) => worker.onmessage?.(event as unknown as MessageEvent);
  return worker;
}

function withoutModules(message: unknown): unknown {
  const { args, ...rest } = message as { args?: readonly unknown[] };
  return args === undefined
    ? rest
    : { ...rest, args: args.map((arg) => (arg instanceof WebAssembly.Module ? null : arg)) };
}
