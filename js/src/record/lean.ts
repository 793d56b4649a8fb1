/**
 * Recording with the artefact `recorder-slim`: WebCrypto has the Ed25519. The package's entries call this with their own
 * runtime's way to load it; whoever loads it another way calls it too:
 *
 *     import { recording } from "countersign/slim/host";
 *     const { createRecorder } = recording(() => WebAssembly.compile(bytesOf("countersign/recorder-slim.wasm")));
 */

import * as wasm from "../wasm/recorder-slim.js";
import { loader, type ModuleSource } from "./core.js";
import { creator } from "./create.js";
import { type Lifecycle, none } from "./lifecycle.js";
import { importSignerKey, prove, verifies } from "./webcrypto.js";

/** Makes the entry's functions for a runtime's way to load the artefact, and its way to end. */
export function recording(source: ModuleSource, lifecycle: Lifecycle = none) {
  const load = loader(wasm, source, (module) => wasm.initSync({ module }));
  return { createRecorder: creator({ load, readKey: importSignerKey, verifies, prove }, lifecycle) };
}
