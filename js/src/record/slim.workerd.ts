import module from "../wasm/recorder-slim_bg.wasm";
import { recording } from "./lean.js";
import { none } from "./lifecycle.js";

export * from "./public.js";

/** Begins a chain. */
export const { createRecorder } = recording(module, none);
