/** Runs an analysis in Node.js worker threads. */

import { readFile } from "node:fs/promises";
import { createAnalysis } from "../../packages/ui/dist/analyze/create-analysis.js";
import type { Analysis, AnalysisScope } from "../../packages/ui/dist/analyze/types.js";
import { threadOf } from "../rpc/threads.ts";

const ARTIFACT = new URL("../../packages/ui/dist/wasm/analyzer_bg.wasm", import.meta.url);

/** Starts an analysis with this many detector threads. */
export function threaded(rules: string, detectors: number, scope?: AnalysisScope): Analysis {
  const module = async () => WebAssembly.compile(await readFile(ARTIFACT));
  return createAnalysis({ module, worker: () => threadOf("ui/dist/analyze/work.js"), detectors }, rules, scope);
}
