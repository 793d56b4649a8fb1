import type { Plugin } from "vite";
import { recordSample } from "../scripts/sample.mjs";
import { inlined } from "./inlined.ts";
import { packed } from "./packed.ts";

/** Provides a sample export, its pin, and its trust file as text, recorded by the package's recorder. */
export function sample(): Plugin {
  return inlined("virtual:sample", async () => {
    const { exported, pin, trust } = await recordSample();
    return { exported: packed(exported), pin: packed(pin), trust: packed(trust) };
  });
}
