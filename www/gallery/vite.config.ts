import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { about } from "../build/about.ts";
import { oneFile } from "../build/one-file.ts";
import { sample } from "../build/sample.ts";
import { workers } from "../build/workers.ts";
import { exportsOf } from "./build/exports.ts";
import { list } from "./build/list.ts";
import { recorder } from "./build/recorder.ts";

/** The gallery: one file with all states of the page, in the mode `viewer` one with those of the viewer. */
export default defineConfig(({ mode }) => {
  const subject = mode === "viewer" ? "viewer" : "page";
  const at = (path: string) => fileURLToPath(new URL(path, import.meta.url));
  return {
    root: at(subject),
    plugins: [
      workers(),
      sample(),
      about(),
      exportsOf(),
      recorder(),
      oneFile({ fileName: `${subject}.html`, connect: "'none'" }),
      list(),
    ],
    resolve: {
      // The viewer's parts, unbundled: the page and they share one Lit.
      alias: { "@countersign": at("../../js/dist") },
      dedupe: ["lit", "lit-html", "lit-element", "@lit/reactive-element"],
    },
    build: {
      outDir: at("../dist/gallery"),
      target: "es2023",
      modulePreload: false,
      cssCodeSplit: false,
      emptyOutDir: false,
      reportCompressedSize: false,
      chunkSizeWarningLimit: 4_000,
      rolldownOptions: { output: { codeSplitting: false } },
    },
  };
});
