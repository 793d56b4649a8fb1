/**
 * `<countersign-viewer>`, with the package's own workers. Bundled with what draws it; the workers and the WebAssembly
 * are files beside it.
 */

import { createAnalysis } from "../analyze/create-analysis.js";
import { compileFetched, fetched } from "../artefact/fetched.js";
import { loading } from "../artefact/load.js";
import { createIndex } from "../index/create-index.js";
import { createSlicer } from "../slice/create-slicer.js";
import { createVerifier } from "../verify/create-verifier.js";
import { language, loaded } from "../viewer/texts/texts.js";
import { define } from "../viewer/view.js";
import { Viewer } from "../viewer/viewer.js";
import { start } from "./start-worker.js";

export type * from "./public.js";

const { verify, verifyLive } = createVerifier({
  module: () => compileFetched(new URL("./verifier.wasm", import.meta.url)),
  plain: () => compileFetched(new URL("./verifier-plain.wasm", import.meta.url)),
  worker: () => start("verify"),
});

const once = (artefact: URL) => loading("viewer", () => compileFetched(artefact));

const slicer = createSlicer({
  module: once(new URL("./slicer.wasm", import.meta.url)),
  worker: () => start("slice"),
  verify,
});
const index = { module: once(new URL("./index.wasm", import.meta.url)), worker: () => start("index") };
const analysis = { module: once(new URL("./analyzer.wasm", import.meta.url)), worker: () => start("analyze") };

Viewer.tools = {
  verify,
  verifyLive,
  index: () => createIndex(index),
  slicer: () => slicer,
  analysis: (rules) => createAnalysis(analysis, rules),
  rules: async () => (await fetched(new URL("./rules.json", import.meta.url))).text(),
};

loaded("de", async () => {
  const { texts, core } = await (await fetched(new URL("./de.json", import.meta.url))).json();
  return language("de", texts, core);
});

define("countersign-viewer", Viewer);
