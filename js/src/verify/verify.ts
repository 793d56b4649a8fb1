import { compileFetched } from "../artefact/fetched.js";
import { compileInlined } from "../artefact/inlined.js";
import { createVerifier } from "./create-verifier.js";

export * from "./public.js";

/** The file, which loads faster, and where a bundler lost it the code that has it inlined. */
async function module(): Promise<WebAssembly.Module> {
  try {
    return await compileFetched(new URL("../wasm/verifier_bg.wasm", import.meta.url));
  } catch (cause) {
    const inlined = await import("../inlined/verifier.js").catch(() => {
      throw cause;
    });
    return compileInlined(inlined.default);
  }
}

/** Verify an export, whole or as it goes on, in Web Workers where there are any. */
export const { verify, verifyLive } = createVerifier({
  module,
  // Some places that load this entry, service workers for one, start no workers.
  worker:
    typeof Worker === "undefined"
      ? undefined
      : () => new Worker(new URL("./worker.js", import.meta.url), { type: "module" }),
});
