import { readFile } from "node:fs/promises";
import type { Plugin } from "vite";
import { inlined } from "./inlined.ts";

/** The version that the page says it is: the package's. */
export function about(): Plugin {
  return inlined("virtual:about", async () => {
    const description = await readFile(new URL(import.meta.resolve("countersign/package.json")), "utf8");
    const { version } = JSON.parse(description) as { version: string };
    return { version };
  });
}
