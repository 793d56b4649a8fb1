import { compileFetched } from "./fetched.js";
import { compileInlined } from "./inlined.js";

/** The file, which loads faster, and where a bundler lost it the code that has it inlined. */
export async function artifact(): Promise<WebAssembly.Module> {
  try {
    return await compileFetched(new URL("../wasm/verifier_bg.wasm", import.meta.url));
  } catch (cause) {
    const inlined = await import("../inlined/verifier.js").catch(() => {
      throw cause;
    });
    return compileInlined(inlined.default);
  }
}

/** Some places that load this, service workers for one, start no workers. */
export const worker =
  typeof Worker === "undefined"
    ? undefined
    : () => new Worker(new URL("../verify/worker.js", import.meta.url), { type: "module" });
