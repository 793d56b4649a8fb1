/** An index in Node.js, whose workers are threads. */

import { readFile } from "node:fs/promises";
import { createIndex } from "../../packages/ui/dist/index/create-index.js";
import type { EventIndex } from "../../packages/ui/dist/index/types.js";
import { threadOf } from "../rpc/threads.ts";

const ARTIFACT = new URL("../../packages/ui/dist/wasm/index_bg.wasm", import.meta.url);

/** The artifact, compiled. */
export const module = async () => WebAssembly.compile(await readFile(ARTIFACT));

export function threaded(): EventIndex {
  return createIndex({
    module,
    worker: () => threadOf("ui/dist/index/work.js"),
  });
}
