import { readFile } from "node:fs/promises";
import type { Plugin } from "vite";
import { inlined } from "../../build/inlined.ts";
import { packed } from "../../build/packed.ts";

/** Inlines the recorder's WebAssembly, for events recorded in the tab. */
export function recorder(): Plugin {
  return inlined("virtual:recorder", async () => {
    const file = new URL(import.meta.resolve("countersign/recorder.wasm"));
    return { recorderModule: packed(await readFile(file)) };
  });
}
