/** Recording with the artefact `recorder-slim`: WebCrypto has the Ed25519. */

import type { ModuleSource } from "../artefact/load.js";
import * as wasm from "../wasm/recorder-slim.js";
import { loader } from "./core.js";
import { creator } from "./create.js";
import type { Lifecycle } from "./lifecycle.js";
import { importSignerKey, prove, verifies } from "./webcrypto.js";

/** Makes the entry's functions for a runtime's way to load the artefact, and its way to end. */
export function recording(source: ModuleSource, lifecycle: Lifecycle) {
  const load = loader(wasm, source);
  return { createRecorder: creator({ load, readKey: importSignerKey, verifies, prove }, lifecycle) };
}
