import module from "../wasm/recorder_bg.wasm?module";
import { recording } from "./full.js";
import { none } from "./lifecycle.js";

export type { GeneratedKey } from "./full.js";
export * from "./public.js";

/** Begins a chain; makes a signer key. */
export const { createRecorder, generateKey } = recording(module, none);
