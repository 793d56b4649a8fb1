/**
 * Recording for whoever loads the artefact `recorder`, which brings Ed25519, in a way of their own:
 *
 *     import { recording } from "countersign/host";
 *     const { createRecorder } = recording(() => WebAssembly.compile(bytesOf("countersign/recorder.wasm")));
 */

import type { ModuleSource } from "../artefact/load.js";
import { recording as recordingIn } from "./full.js";
import { ofRuntime } from "./lifecycle.js";

export type { GeneratedKey } from "./full.js";

/** Makes what the entry `countersign` exports. It delivers and tells at the end of a page or a program, as that does. */
export const recording = (source: ModuleSource) => recordingIn(source, ofRuntime);
