import { fileURLToPath } from "node:url";
import type { PluginOption, UserConfig } from "vite";
import { about } from "./about.ts";
import { looks } from "./look.ts";
import { type OneFile, oneFile } from "./one-file.ts";
import { sample } from "./sample.ts";
import { OURS, workers } from "./workers.ts";

interface OnePage extends OneFile {
  /** The folder of its `index.html`. */
  readonly root: URL;
  readonly folder: URL;
  /** True to empty the folder first. */
  readonly isFirst?: boolean;
  readonly plugins?: readonly PluginOption[];
}

/** Returns the build configuration of a page. */
export function onePage({ root, folder, isFirst = false, plugins = [], ...file }: OnePage): UserConfig {
  return {
    root: fileURLToPath(root),
    plugins: [workers(), sample(), about(), looks(), oneFile(file), ...plugins],
    resolve: {
      // The viewer's parts are unbundled, so that the page shares one copy of Lit with them.
      dedupe: [...OURS, "lit", "lit-html", "lit-element", "@lit/reactive-element"],
    },
    build: {
      outDir: fileURLToPath(folder),
      emptyOutDir: isFirst,
      target: "es2023",
      modulePreload: false,
      cssCodeSplit: false,
      reportCompressedSize: false,
      chunkSizeWarningLimit: 4_000,
      rolldownOptions: { output: { codeSplitting: false } },
    },
  };
}
