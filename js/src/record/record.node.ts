import { readFile } from "node:fs/promises";
import { recording } from "./full.js";
import { lifecycle } from "./lifecycle.node.js";

export type { GeneratedKey } from "./full.js";
export * from "./public.js";

/** Begins a chain; makes a signer key. */
export const { createRecorder, generateKey } = recording(
  async () => WebAssembly.compile(await readFile(new URL("../wasm/recorder_bg.wasm", import.meta.url))),
  lifecycle,
);
