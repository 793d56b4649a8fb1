/** The entry `countersign`. */

import { lifecycle, module } from "#recorder";
import { recording } from "./create.js";

export * from "./public.js";

/** Begins a chain; makes a signer key. */
export const { createRecorder, generateKey } = recording(module, lifecycle);
