import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "vite";
import { inlined } from "./inlined.ts";
import { packed } from "./packed.ts";

/** Our packages. They resolve from this folder even if their workspace has no dependencies installed yet. */
export const OURS = ["countersign", "@countersign/shared", "@countersign/ui"];

const WORKERS = {
  // Its package name would resolve to the worker for Node.js in this process.
  verifier: new URL("dist/verify/worker.js", import.meta.resolve("countersign/package.json")).href,
  slicer: import.meta.resolve("@countersign/ui/slice/worker.js"),
  index: import.meta.resolve("@countersign/ui/index/worker.js"),
  analyzer: import.meta.resolve("@countersign/ui/analyze/worker.js"),
};
const FILES = {
  verifierModule: import.meta.resolve("countersign/verifier.wasm"),
  slicerModule: import.meta.resolve("@countersign/ui/slicer.wasm"),
  indexModule: import.meta.resolve("@countersign/ui/index.wasm"),
  analyzerModule: import.meta.resolve("@countersign/ui/analyzer.wasm"),
  rules: import.meta.resolve("@countersign/ui/rules.json"),
};

/** Provides the package's workers, each bundled into one script, and their WebAssembly modules, as text. */
export function workers(): Plugin {
  return inlined("virtual:workers", () => texts(WORKERS, FILES));
}

/** Provides the worker that only the console has. */
export function overview(): Plugin {
  const worker = { overview: import.meta.resolve("@countersign/ui/overview/worker.js") };
  const file = { overviewModule: import.meta.resolve("@countersign/ui/overview.wasm") };
  return inlined("virtual:overview", () => texts(worker, file));
}

type Addresses = Readonly<Record<string, string>>;

async function texts(workers: Addresses, files: Addresses): Promise<Record<string, string>> {
  const all: [string, string][] = [];
  for (const [name, url] of Object.entries(workers))
    all.push([name, packed(await bundled(fileURLToPath(url)))]);
  for (const [name, url] of Object.entries(files)) all.push([name, packed(await readFile(new URL(url)))]);
  return Object.fromEntries(all);
}

async function bundled(entry: string): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: "warn",
    resolve: { dedupe: OURS },
    build: {
      write: false,
      target: "es2023",
      lib: { entry, formats: ["iife"], name: "worker" },
    },
  });
  const outputs = [result].flat().flatMap((bundle) => ("output" in bundle ? bundle.output : []));
  const [script, ...more] = outputs;
  if (script?.type !== "chunk" || more.length > 0) throw new Error("the worker is not one script");
  return script.code;
}
