import { compileInlined } from "../artefact/inlined.js";
import base64 from "../inlined/verifier.js";
import script from "../inlined/worker.node.js";
import { createVerifier } from "./create-verifier.js";
import { thread } from "./thread.node.js";

export * from "./public.js";

/** Verify an export, whole or as it goes on, in worker threads. */
export const { verify, verifyLive } = createVerifier({
  module: () => compileInlined(base64),
  worker: () => thread(script),
});
