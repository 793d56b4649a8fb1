import { fetchModule } from "./fetch-module.js";
import { createVerifier } from "./host.js";

export * from "./public.js";

/** Verify an export, whole or as it goes on, in Web Workers where there are any. */
export const { verify, verifyLive } = createVerifier({
  module: () => fetchModule(new URL("../wasm/verifier_bg.wasm", import.meta.url)),
  // Some places that load this entry, service workers for one, start no workers.
  worker:
    typeof Worker === "undefined"
      ? undefined
      : () => new Worker(new URL("./worker.js", import.meta.url), { type: "module" }),
});
