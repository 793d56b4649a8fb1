/**
 * Recording for whoever loads the artefact `recorder-slim`, to which WebCrypto gives the Ed25519, in a way of their own:
 *
 *     import { recording } from "countersign/slim/host";
 *     const { createRecorder } = recording(() => WebAssembly.compile(bytesOf("countersign/recorder-slim.wasm")));
 */

import type { ModuleSource } from "../artefact/load.js";
import { recording as recordingIn } from "./lean.js";
import { ofRuntime } from "./lifecycle.js";

/** Makes what the entry `countersign/slim` exports. It delivers and tells at the end of a page or a program, as that does. */
export const recording = (source: ModuleSource) => recordingIn(source, ofRuntime);
