import { readFile } from "node:fs/promises";
import { createVerifier } from "./host.js";
import { thread } from "./thread.node.js";

export * from "./public.js";

/** Verify an export, whole or as it goes on, in worker threads. */
export const { verify, verifyLive } = createVerifier({
  module: async () => WebAssembly.compile(await readFile(new URL("../wasm/verifier_bg.wasm", import.meta.url))),
  worker: () => thread(new URL("./worker.node.js", import.meta.url)),
});
