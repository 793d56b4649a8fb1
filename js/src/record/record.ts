/** The entry `countersign`. */

import { lifecycle, module, readKey } from "#recorder";
import { recording } from "./create.js";

export * from "./public.js";

/** Begins a chain; makes a signer key. */
export const { createRecorder, generateKey } = recording(module, lifecycle, { readKey });
