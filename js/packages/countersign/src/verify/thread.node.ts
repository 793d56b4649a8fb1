/** Node.js worker threads with the interface of Web Workers. */

import { Worker } from "node:worker_threads";
import type { WorkerLike } from "../rpc/worker-group.js";

/** Starts a thread that runs a CommonJS script. It keeps the process alive until it is terminated. */
export function thread(script: string): WorkerLike {
  // The process's own flags are not passed on, because some, such as --input-type, are invalid for workers.
  const worker = new Worker(script, { eval: true, execArgv: [] });
  const like: WorkerLike = {
    postMessage: (message, transfer) => worker.postMessage(message, transfer as Parameters<Worker["postMessage"]>[1]),
    terminate: () => void worker.terminate(),
    onmessage: null,
    onerror: null,
    onmessageerror: null,
  };
  worker.on("message", (data) => like.onmessage?.({ data } as MessageEvent));
  worker.on("messageerror", (data) => like.onmessageerror?.({ data } as unknown as MessageEvent));
  worker.on("error", (error: Error) => like.onerror?.({ message: error.message, error }));
  worker.on("exit", (code) => like.onerror?.({ message: `it exited with code ${code}` }));
  return like;
}
