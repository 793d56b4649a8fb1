/** Looking for findings in Node.js, whose workers are threads. */

import { readFile } from "node:fs/promises";
import { createAnalysis } from "../../dist/analyze/create-analysis.js";
import type { Analysis } from "../../dist/analyze/types.js";
import { thread } from "../../dist/verify/thread.node.js";

const ARTEFACT = new URL("../../dist/wasm/analyzer_bg.wasm", import.meta.url);
const WORK = new URL("../../dist/analyze/work.js", import.meta.url);
const SCRIPT = `
  const { parentPort } = require("node:worker_threads");
  const loaded = import(${JSON.stringify(WORK.href)});
  const port = { postMessage: (message, transfer) => parentPort.postMessage(message, transfer), onmessage: null };
  const serving = loaded.then(({ work }) => work(port));
  parentPort.on("message", (data) => void serving.then(() => port.onmessage({ data })));
`;

/** With so many threads that detect. */
export function threaded(rules: string, detectors: number): Analysis {
  const module = async () => WebAssembly.compile(await readFile(ARTEFACT));
  return createAnalysis({ module, worker: () => thread(SCRIPT), detectors }, rules);
}
