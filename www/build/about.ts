import { readFile } from "node:fs/promises";
import type { Plugin } from "vite";
import { inlined } from "./inlined.ts";

/** Provides the package's version, which the page shows. */
export function about(): Plugin {
  return inlined("virtual:about", async () => {
    const description = await readFile(new URL(import.meta.resolve("countersign/package.json")), "utf8");
    const { version } = JSON.parse(description) as { version: string };
    return { version };
  });
}
