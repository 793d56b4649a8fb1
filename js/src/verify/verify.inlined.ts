import { compileInlined } from "../artefact/inlined.js";
import base64 from "../inlined/verifier.js";
import { createVerifier } from "./create-verifier.js";

export * from "./public.js";

/** Verify an export, whole or as it goes on, inline: there are no workers here. */
export const { verify, verifyLive } = createVerifier({ module: () => compileInlined(base64) });
