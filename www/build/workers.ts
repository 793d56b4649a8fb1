import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "vite";
import { inlined } from "./inlined.ts";
import { packed } from "./packed.ts";

/** In the package's own files: by their names, this process would resolve the workers to those for Node.js. */
const DIST = new URL("../../js/dist/", import.meta.url);
const WORKERS = {
  verifier: "verify/worker.js",
  slicer: "slice/worker.js",
  index: "index/worker.js",
  analyzer: "analyze/worker.js",
};
const FILES = {
  verifierModule: "wasm/verifier_bg.wasm",
  slicerModule: "wasm/slicer_bg.wasm",
  indexModule: "wasm/index_bg.wasm",
  analyzerModule: "wasm/analyzer_bg.wasm",
  rules: "wasm/rules.json",
};

/** The package's workers, each bundled into one script, and the WebAssembly, as text for the page. */
export function workers(): Plugin {
  return inlined("virtual:workers", () => texts(WORKERS, FILES));
}

/** The same of what only the console has. */
export function overview(): Plugin {
  const worker = { overview: "overview/worker.js" };
  const file = { overviewModule: "wasm/overview_bg.wasm" };
  return inlined("virtual:overview", () => texts(worker, file));
}

type Paths = Readonly<Record<string, string>>;

async function texts(workers: Paths, files: Paths): Promise<Record<string, string>> {
  const all: [string, string][] = [];
  for (const [name, path] of Object.entries(workers)) all.push([name, packed(await bundled(inDist(path)))]);
  for (const [name, path] of Object.entries(files)) all.push([name, packed(await readFile(inDist(path)))]);
  return Object.fromEntries(all);
}

function inDist(path: string): string {
  return fileURLToPath(new URL(path, DIST));
}

async function bundled(entry: string): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: "warn",
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
