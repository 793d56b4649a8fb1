import { readFile } from "node:fs/promises";
import type { Plugin } from "vite";
import { constants } from "./workers.ts";

const ID = "virtual:about";

/** The version that the page says it is: the package's. */
export function about(): Plugin {
  return {
    name: "about",
    resolveId: (id) => (id === ID ? `\0${ID}` : undefined),
    async load(id) {
      if (id !== `\0${ID}`) return;
      const description = await readFile(new URL("../../js/package.json", import.meta.url), "utf8");
      const { version } = JSON.parse(description) as { version: string };
      return constants({ version });
    },
  };
}
