/** The artefact `gate`, as this package uses it. */

import { loading, type ModuleSource } from "../artefact/load.js";
import { CountersignError, type ErrorCode } from "../error.js";
import * as wasm from "../wasm/gate.js";

/** What the artefact exports (wasm/src/gate.rs). */
export type Core = typeof wasm;

/** Gives the artefact once it is loaded. */
export function loader(source: ModuleSource): () => Promise<Core> {
  return loading("gate", source, async (module) => {
    if (module instanceof WebAssembly.Module) {
      wasm.initSync({ module });
    } else {
      // One of another realm, as Next.js gives at the edge, which `initSync` takes for none.
      await wasm.default({ module_or_path: module as WebAssembly.Module });
    }
    return wasm;
  });
}

/** An error of the artefact's as one of the package's own. */
export function coded(error: unknown): CountersignError {
  if (error instanceof CountersignError) {
    return error;
  }
  if (error instanceof Error && "code" in error && !(error instanceof WebAssembly.RuntimeError)) {
    const { code, message, hint, line } = error as Error & { code: ErrorCode; hint?: string; line?: number };
    return new CountersignError(code, message, { hint, line });
  }
  return new CountersignError("gate.failed", `the gate failed: ${error}`, { hint: "see the cause", cause: error });
}
