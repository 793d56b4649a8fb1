import type { Plugin } from "vite";
import { recordSample } from "../scripts/sample.mjs";
import { packed } from "./packed.ts";
import { constants } from "./workers.ts";

const ID = "virtual:sample";

/** A sample export and its trust file, recorded by the package's recorder, as text for the page. */
export function sample(): Plugin {
  return {
    name: "inlined-sample",
    resolveId: (id) => (id === ID ? `\0${ID}` : undefined),
    async load(id) {
      if (id !== `\0${ID}`) return;
      const { exported, trust } = await recordSample();
      return constants({ exported: packed(exported), trust: packed(trust) });
    },
  };
}
