import { compileInlined } from "../artefact/inlined.js";
import base64 from "../inlined/recorder-slim.js";
import { recording } from "./lean.js";
import { ofRuntime } from "./lifecycle.js";

export * from "./public.js";

/** Begins a chain. */
export const { createRecorder } = recording(() => compileInlined(base64), ofRuntime);
