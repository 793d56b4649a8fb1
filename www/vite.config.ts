import { defineConfig } from "vite";
import { oneFile } from "./build/one-file.ts";
import { sample } from "./build/sample.ts";
import { served } from "./build/served.ts";
import { verifier } from "./build/verifier.ts";

/** The page that works from disk; in the mode `served`, the one that a log serves. */
export default defineConfig(({ mode }) => {
  const isServed = mode === "served";
  const output = isServed
    ? ({ fileName: "served.html", connect: "'self'" } as const)
    : ({ fileName: "index.html", connect: "'none'" } as const);
  return {
    plugins: [verifier(), sample(), ...(isServed ? [served()] : []), oneFile(output)],
    build: {
      target: "es2023",
      modulePreload: false,
      cssCodeSplit: false,
      emptyOutDir: !isServed,
      reportCompressedSize: false,
      rolldownOptions: { output: { codeSplitting: false } },
    },
  };
});
