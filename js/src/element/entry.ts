/**
 * `<countersign-viewer>`, with the package's own workers. Bundled with what draws it; the workers and the WebAssembly
 * are files beside it.
 */

import { compileFetched } from "../artefact/fetched.js";
import { createShelf } from "../shelf/host.js";
import { createSlicer } from "../slice/create-slicer.js";
import { createVerifier } from "../verify/create-verifier.js";
import { define } from "../viewer/view.js";
import { Viewer } from "../viewer/viewer.js";
import { start } from "./start-worker.js";

export type * from "./public.js";

const setup = {
  module: () => compileFetched(new URL("./verifier.wasm", import.meta.url)),
  worker: () => start("verify"),
};
const { verify, verifyLive } = createVerifier(setup);

let slicing: Promise<WebAssembly.Module> | undefined;

/** It is large, and loaded when the first part is cut out; again after it failed. */
function slicerModule(): Promise<WebAssembly.Module> {
  slicing ??= compileFetched(new URL("./slicer.wasm", import.meta.url)).catch((error: unknown) => {
    slicing = undefined;
    throw error;
  });
  return slicing;
}

const slicer = createSlicer({ module: slicerModule, worker: () => start("slice"), verify });

Viewer.tools = {
  verify,
  verifyLive,
  shelf: () => createShelf(() => start("shelf")),
  slicer: () => slicer,
};

define("countersign-viewer", Viewer);
