/** Looking for findings in Node.js, whose workers are threads. */

import { readFile } from "node:fs/promises";
import { createAnalysis } from "../../packages/ui/dist/analyze/create-analysis.js";
import type { Analysis } from "../../packages/ui/dist/analyze/types.js";
import { threadOf } from "../rpc/threads.ts";

const ARTIFACT = new URL("../../packages/ui/dist/wasm/analyzer_bg.wasm", import.meta.url);

/** With so many threads that detect. */
export function threaded(rules: string, detectors: number): Analysis {
  const module = async () => WebAssembly.compile(await readFile(ARTIFACT));
  return createAnalysis({ module, worker: () => threadOf("ui/dist/analyze/work.js"), detectors }, rules);
}
