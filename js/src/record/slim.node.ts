import { readFile } from "node:fs/promises";
import { recording } from "./lean.js";
import { lifecycle } from "./lifecycle.node.js";

export * from "./public.js";

/** Begins a chain. */
export const { createRecorder } = recording(
  async () => WebAssembly.compile(await readFile(new URL("../wasm/recorder-slim_bg.wasm", import.meta.url))),
  lifecycle,
);
