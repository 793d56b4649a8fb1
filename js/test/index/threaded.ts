/** An index in Node.js, whose workers are threads. */

import { readFile } from "node:fs/promises";
import { createIndex } from "../../dist/index/create-index.js";
import type { EventIndex } from "../../dist/index/types.js";
import { thread } from "../../dist/verify/thread.node.js";

const ARTEFACT = new URL("../../dist/wasm/index_bg.wasm", import.meta.url);
const WORK = new URL("../../dist/index/work.js", import.meta.url);
const SCRIPT = `
  const { parentPort } = require("node:worker_threads");
  const loaded = import(${JSON.stringify(WORK.href)});
  const port = { postMessage: (message, transfer) => parentPort.postMessage(message, transfer), onmessage: null };
  const serving = loaded.then(({ work }) => work(port));
  parentPort.on("message", (data) => void serving.then(() => port.onmessage({ data })));
`;

/** The artefact, compiled. */
export const module = async () => WebAssembly.compile(await readFile(ARTEFACT));

export function threaded(): EventIndex {
  return createIndex({
    module,
    worker: () => thread(SCRIPT),
  });
}
