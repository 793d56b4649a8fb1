import * as inlined from "virtual:workers";
import { createAnalysis } from "@countersign/ui/analyze/create-analysis.js";
import { createIndex } from "@countersign/ui/index/create-index.js";
import { createSlicer } from "@countersign/ui/slice/create-slicer.js";
import type { Tools } from "@countersign/ui/viewer/session/session.js";
import { createVerifier } from "countersign/slim";
import { unpack } from "./unpack.ts";

/** Returns the page's workers and WebAssembly modules, which the build inlined. */
export async function tools(): Promise<Tools> {
  const [verifier, slicer, keeper, analyzer] = await Promise.all(
    [inlined.verifier, inlined.slicer, inlined.index, inlined.analyzer].map(starter),
  );
  if (!verifier || !slicer || !keeper || !analyzer) throw new Error("the page has no workers");
  const { verify, verifyLive, verifyArchive } = createVerifier({
    module: once(inlined.verifierModule),
    worker: verifier,
  });
  const slicing = createSlicer({ module: once(inlined.slicerModule), worker: slicer, verify });
  const index = { module: once(inlined.indexModule), worker: keeper };
  const analysis = { module: once(inlined.analyzerModule), worker: analyzer };
  return {
    verify,
    verifyLive,
    verifyArchive,
    index: () => createIndex(index),
    slicer: () => slicing,
    analysis: (rules, scope) => createAnalysis(analysis, rules, scope),
    rules: async () => (await unpack(inlined.rules)).text(),
  };
}

/** Compiles a module on first use. */
export function once(packed: string): () => Promise<WebAssembly.Module> {
  let compiled: Promise<WebAssembly.Module> | undefined;
  return () => {
    compiled ??= unpack(packed).then(async (bytes) => WebAssembly.compile(await bytes.arrayBuffer()));
    return compiled;
  };
}

/** Addresses of the workers. */
const own = new Set<string>();

/** Returns a function that starts a worker from a blob, because a page on disk can't load other files. */
export async function starter(script: string): Promise<() => Worker> {
  const address = URL.createObjectURL(new Blob([await unpack(script)], { type: "text/javascript" }));
  own.add(address);
  return () => new Worker(trusted(address));
}

let policy: { createScriptURL(address: string): unknown } | undefined;

/**
 * Returns a worker's address in a form that the page's policy accepts, which only the page's own workers can
 * get.
 */
function trusted(worker: string): string {
  policy ??= window.trustedTypes?.createPolicy("countersign-worker", {
    createScriptURL: (address) => {
      if (!own.has(address)) throw new TypeError("not a worker of this page");
      return address;
    },
  });
  // `Worker` accepts a TrustedScriptURL, which the DOM's types don't include.
  return (policy?.createScriptURL(worker) ?? worker) as string;
}
