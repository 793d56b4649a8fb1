/**
 * The element `<countersign-viewer>`, which the import defines. Its code is bundled; the workers and WebAssembly modules
 * are separate files.
 *
 * @module
 */

import { createVerifier } from "@countersign/shared/verify.js";
import { compileFetched, fetchFile, loading } from "@countersign/shared/wasm.js";
import { createAnalysis } from "@countersign/ui/analyze/create-analysis.js";
import { createIndex } from "@countersign/ui/index/create-index.js";
import { createSlicer } from "@countersign/ui/slice/create-slicer.js";
import { language, loaded } from "@countersign/ui/viewer/texts/texts.js";
import { define } from "@countersign/ui/viewer/view.js";
import { Viewer } from "@countersign/ui/viewer/viewer.js";
import { start } from "./start-worker.js";

export type * from "./public.js";

const { verify, verifyLive } = createVerifier({
  module: () => compileFetched(new URL("./verifier.wasm", import.meta.url)),
  plain: () => compileFetched(new URL("./verifier-plain.wasm", import.meta.url)),
  worker: () => start("verify"),
});

const loadOnce = (address: URL) => loading("viewer", () => compileFetched(address));

const slicer = createSlicer({
  module: loadOnce(new URL("./slicer.wasm", import.meta.url)),
  worker: () => start("slice"),
  verify,
});
const index = { module: loadOnce(new URL("./index.wasm", import.meta.url)), worker: () => start("index") };
const analysis = { module: loadOnce(new URL("./analyzer.wasm", import.meta.url)), worker: () => start("analyze") };

Viewer.tools = {
  verify,
  verifyLive,
  index: () => createIndex(index),
  slicer: () => slicer,
  analysis: (rules, scope) => createAnalysis(analysis, rules, scope),
  rules: async () => (await fetchFile(new URL("./rules.json", import.meta.url))).text(),
};

loaded("de", async () => {
  const { texts, core } = await (await fetchFile(new URL("./de.json", import.meta.url))).json();
  return language("de", texts, core);
});

define("countersign-viewer", Viewer);
