import * as inlined from "virtual:workers";
import { createAnalysis } from "@countersign/ui/analyze/create-analysis.js";
import { createIndex } from "@countersign/ui/index/create-index.js";
import { createSlicer } from "@countersign/ui/slice/create-slicer.js";
import type { Tools } from "@countersign/ui/viewer/session/session.js";
import { createVerifier } from "countersign/slim";
import { unpack } from "./unpack.ts";

/** What works for the page in the background: workers and WebAssembly that the build put into it. */
export async function tools(): Promise<Tools> {
  const [verifier, slicer, keeper, analyzer] = await Promise.all(
    [inlined.verifier, inlined.slicer, inlined.index, inlined.analyzer].map(starter),
  );
  if (!verifier || !slicer || !keeper || !analyzer) throw new Error("the page has no workers");
  const { verify, verifyLive } = createVerifier({ module: once(inlined.verifierModule), worker: verifier });
  const slicing = createSlicer({ module: once(inlined.slicerModule), worker: slicer, verify });
  const index = { module: once(inlined.indexModule), worker: keeper };
  const analysis = { module: once(inlined.analyzerModule), worker: analyzer };
  return {
    verify,
    verifyLive,
    index: () => createIndex(index),
    slicer: () => slicing,
    analysis: (rules) => createAnalysis(analysis, rules),
    rules: async () => (await unpack(inlined.rules)).text(),
  };
}

/** Compiles when it is first wanted. */
export function once(packed: string): () => Promise<WebAssembly.Module> {
  let compiled: Promise<WebAssembly.Module> | undefined;
  return () => {
    compiled ??= unpack(packed).then(async (bytes) => WebAssembly.compile(await bytes.arrayBuffer()));
    return compiled;
  };
}

/** The workers' addresses. */
const own = new Set<string>();

/** Workers are started from a blob of this page: a page on disk can load no other file. */
export async function starter(script: string): Promise<() => Worker> {
  const address = URL.createObjectURL(new Blob([await unpack(script)], { type: "text/javascript" }));
  own.add(address);
  return () => new Worker(trusted(address));
}

let policy: { createScriptURL(address: string): unknown } | undefined;

/** The page's policy lets no text become a script's address; its own workers are the one exception. */
function trusted(worker: string): string {
  policy ??= window.trustedTypes?.createPolicy("countersign-worker", {
    createScriptURL: (address) => {
      if (!own.has(address)) throw new TypeError("not a worker of this page");
      return address;
    },
  });
  // Worker takes a TrustedScriptURL where there are any; the DOM's types know strings alone.
  return (policy?.createScriptURL(worker) ?? worker) as string;
}
