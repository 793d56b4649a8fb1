import module from "../wasm/verifier_bg.wasm";
import { createVerifier } from "./host.js";

export * from "./public.js";

/** Verifies an export, inline: there are no workers here. */
export const { verify } = createVerifier({ module });
