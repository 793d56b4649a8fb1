import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "vite";
import { packed } from "./packed.ts";

const ID = "virtual:verifier";
const WORKER = "countersign/verify/worker";
const MODULE = "countersign/verifier.wasm";

/** The verifier's worker, bundled into one script, and its WebAssembly, as text for the page. */
export function verifier(): Plugin {
  return {
    name: "inlined-verifier",
    resolveId: (id) => (id === ID ? `\0${ID}` : undefined),
    async load(id) {
      if (id !== `\0${ID}`) return;
      const module = await readFile(fileURLToPath(import.meta.resolve(MODULE)));
      // The browser's worker: this process would resolve to the one for Node.js.
      const worker = await this.resolve(WORKER);
      if (worker === null) throw new Error(`${WORKER} is not built`);
      return constants({ module: packed(module), worker: packed(await bundled(worker.id)) });
    },
  };
}

async function bundled(entry: string): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: "warn",
    build: {
      write: false,
      target: "es2023",
      lib: { entry, formats: ["iife"], name: "verifier" },
    },
  });
  const outputs = [result].flat().flatMap((bundle) => ("output" in bundle ? bundle.output : []));
  const [script, ...more] = outputs;
  if (script?.type !== "chunk" || more.length > 0) throw new Error("the worker is not one script");
  return script.code;
}

/** A module that exports texts. */
export function constants(texts: Record<string, string>): string {
  return Object.entries(texts)
    .map(([name, text]) => `export const ${name} = ${JSON.stringify(text)};\n`)
    .join("");
}
