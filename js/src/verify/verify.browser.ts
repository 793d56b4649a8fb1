import { fetchModule } from "./fetch-module.js";
import { createVerifier } from "./host.js";

export * from "./public.js";

/** Verifies an export, in Web Workers. */
export const { verify } = createVerifier({
  module: () => fetchModule(new URL("../wasm/verifier_bg.wasm", import.meta.url)),
  worker: () => new Worker(new URL("./worker.js", import.meta.url), { type: "module" }),
});
