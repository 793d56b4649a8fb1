import { compileInlined } from "../artefact/inlined.js";
import base64 from "../inlined/recorder.js";
import { recording } from "./full.js";
import { ofRuntime } from "./lifecycle.js";

export type { GeneratedKey } from "./full.js";
export * from "./public.js";

/** Begins a chain; makes a signer key. */
export const { createRecorder, generateKey } = recording(() => compileInlined(base64), ofRuntime);
