/** Worker threads instead of Web Workers. */

import type { WorkerLike } from "../../packages/countersign/dist/rpc/worker-group.js";
import { thread } from "../../packages/countersign/dist/verify/thread.node.js";

/** Starts a thread that serves a module's export `work`, such as that of `ui/dist/index/work.js` in `packages`. */
export function threadOf(module: string): WorkerLike {
  const url = new URL(`../../packages/${module}`, import.meta.url);
  return thread(`
    const { parentPort } = require("node:worker_threads");
    const loaded = import(${JSON.stringify(url.href)});
    const port = { postMessage: (message, transfer) => parentPort.postMessage(message, transfer), onmessage: null };
    const serving = loaded.then(({ work }) => work(port));
    parentPort.on("message", (data) => void serving.then(() => port.onmessage({ data })));
  `);
}
