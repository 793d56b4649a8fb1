/**
 * Recording for whoever loads the artefact `recorder` in a way of their own:
 *
 *     import { recording } from "countersign/host";
 *     const { createRecorder } = recording(() => WebAssembly.compile(bytesOf("countersign/recorder.wasm")));
 */

import type { ModuleSource } from "../artefact/load.js";
import { recording as recordingIn } from "./create.js";
import { ofRuntime } from "./lifecycle.js";

export type { GeneratedKey } from "./create.js";

/** Makes what the entry `countersign` exports. It delivers and tells at the end of a page or a program, as that does. */
export const recording = (source: ModuleSource) => recordingIn(source, ofRuntime);
