import { readFile } from "node:fs/promises";
import type { Plugin } from "vite";
import { packed } from "../../build/packed.ts";
import { constants } from "../../build/workers.ts";

const ID = "virtual:recorder";

/** The recorder's WebAssembly, for what is recorded in the tab. */
export function recorder(): Plugin {
  return {
    name: "inlined-recorder",
    resolveId: (id) => (id === ID ? `\0${ID}` : undefined),
    async load(id) {
      if (id !== `\0${ID}`) return;
      const file = new URL("../../../js/dist/wasm/recorder_bg.wasm", import.meta.url);
      return constants({ recorderModule: packed(await readFile(file)) });
    },
  };
}
