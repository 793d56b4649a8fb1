import module from "../wasm/verifier_bg.wasm?module";
import { createVerifier } from "./create-verifier.js";

export * from "./public.js";

/** Verify an export, whole or as it goes on, inline: there are no workers here. */
export const { verify, verifyLive } = createVerifier({ module });
