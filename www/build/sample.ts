import type { Plugin } from "vite";
import { recordSample } from "../scripts/sample.mjs";
import { inlined } from "./inlined.ts";
import { packed } from "./packed.ts";

/** Provides a sample export and its trust file as text, recorded by the package's recorder. */
export function sample(): Plugin {
  return inlined("virtual:sample", async () => {
    const { exported, trust } = await recordSample();
    return { exported: packed(exported), trust: packed(trust) };
  });
}
