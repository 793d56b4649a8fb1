import { compileFetched } from "./fetched.js";
import { compileInlined } from "./inlined.js";

/** Compiles the module from its file, which loads faster, and from the inlined copy if a bundler lost the file. */
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

/** Undefined where workers can't be started, such as in service workers. */
export const worker =
  typeof Worker === "undefined"
    ? undefined
    : () => new Worker(new URL("../verify/worker.js", import.meta.url), { type: "module" });
