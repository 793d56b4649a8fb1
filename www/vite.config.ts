import { defineConfig } from "vite";
import { oneFile } from "./build/one-file.ts";
import { sample } from "./build/sample.ts";
import { verifier } from "./build/verifier.ts";

export default defineConfig({
  plugins: [verifier(), sample(), oneFile()],
  build: {
    target: "es2023",
    modulePreload: false,
    cssCodeSplit: false,
    reportCompressedSize: false,
    rolldownOptions: { output: { codeSplitting: false } },
  },
});
