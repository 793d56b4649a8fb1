/** The entry `countersign/verify`. */

import { module, worker } from "#verifier";
import { createVerifier } from "./create-verifier.js";

export * from "./public.js";

/** Verify an export, whole or as it goes on: in workers where the runtime has any, and inline otherwise. */
export const { verify, verifyLive } = createVerifier({ module, worker });
