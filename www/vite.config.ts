import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { about } from "./build/about.ts";
import { oneFile } from "./build/one-file.ts";
import { sample } from "./build/sample.ts";
import { sums } from "./build/sums.ts";
import { workers } from "./build/workers.ts";

/** The page that works from disk; in the mode `console`, a log's console. */
export default defineConfig(({ mode }) => {
  const isConsole = mode === "console";
  const output = isConsole
    ? ({ fileName: "console.html", connect: "'self'" } as const)
    : ({ fileName: "index.html", connect: "'none'" } as const);
  return {
    root: fileURLToPath(new URL(isConsole ? "console" : ".", import.meta.url)),
    plugins: [workers(), sample(), about(), oneFile(output), sums()],
    resolve: {
      // The viewer's parts, unbundled: the page and they share one Lit.
      alias: { "@countersign": fileURLToPath(new URL("../js/dist", import.meta.url)) },
      dedupe: ["lit", "lit-html", "lit-element", "@lit/reactive-element"],
    },
    build: {
      target: "es2023",
      modulePreload: false,
      cssCodeSplit: false,
      outDir: fileURLToPath(new URL("dist", import.meta.url)),
      emptyOutDir: !isConsole,
      reportCompressedSize: false,
      rolldownOptions: { output: { codeSplitting: false } },
    },
  };
});
