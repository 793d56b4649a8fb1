import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Plugin } from "vite";
import { licenses as textFor } from "../../js/build/licenses.mjs";

/** Artifacts in each page. */
const ARTIFACTS = ["verifier", "slicer", "index", "analyzer"];
const OF_CONSOLE = ["overview"];

/** Writes the licenses of everything that a page contains into a file next to it. */
export function licenses(page: string): Plugin {
  const inputs = new Set<string>();
  let folder = "dist";
  return {
    name: "licenses",
    apply: "build",
    configResolved({ build }) {
      folder = build.outDir;
    },
    moduleParsed({ id }) {
      inputs.add(id);
    },
    async writeBundle() {
      const text = textFor({
        artifacts: page === "console" ? [...ARTIFACTS, ...OF_CONSOLE] : ARTIFACTS,
        inputs: [...inputs],
        of: "page",
      });
      await writeFile(join(folder, `${page}.LICENSES.txt`), text);
    },
  };
}
