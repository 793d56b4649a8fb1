import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Plugin } from "vite";
import { licences as textFor } from "../../js/build/licences.mjs";

/** What is in each page. */
const ARTEFACTS = ["verifier", "slicer", "index", "analyzer"];
const OF_CONSOLE = ["overview"];

/** Writes the licences of all that a page is made of beside it. */
export function licences(page: string): Plugin {
  const inputs = new Set<string>();
  let folder = "dist";
  return {
    name: "licences",
    apply: "build",
    configResolved({ build }) {
      folder = build.outDir;
    },
    moduleParsed({ id }) {
      inputs.add(id);
    },
    async writeBundle() {
      const text = textFor({
        artefacts: page === "console" ? [...ARTEFACTS, ...OF_CONSOLE] : ARTEFACTS,
        inputs: [...inputs],
        of: "page",
      });
      await writeFile(join(folder, `${page}.LICENSES.txt`), text);
    },
  };
}
