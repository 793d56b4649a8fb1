/** The artefact `recorder`, as this package uses it. */

import { loading, type ModuleSource } from "../artefact/load.js";
import { CountersignError, type ErrorCode } from "../error.js";
import * as wasm from "../wasm/recorder.js";

/** What the artefact exports (wasm/src/recorder.rs, wasm/src/proof.rs). */
export type Core = typeof wasm;

/** Gives the artefact once it is loaded. A load that failed is tried again by the next call. */
export function loader(source: ModuleSource): () => Promise<Core> {
  return loading("recorder", source, async (module) => {
    if (module instanceof WebAssembly.Module) {
      wasm.initSync({ module });
    } else {
      // One of another realm, as Next.js gives at the edge, which `initSync` takes for none.
      await wasm.default({ module_or_path: module as WebAssembly.Module });
    }
    return wasm;
  });
}

/** The shape of a path: what of it is an identifier is replaced. Throws before a recorder was created. */
export function pathShape(path: string): string {
  return wasm.pathShape(path);
}

/** Does work in the core, whose errors become the package's own. */
export function inCore<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw coded(error);
  }
}

/** An error of the core's as one of the package's own. */
export function coded(error: unknown): unknown {
  if (error instanceof WebAssembly.RuntimeError) {
    return new CountersignError("wasm.failed", "the recorder's WebAssembly stopped", {
      hint: "create a new recorder; what was not handed on is lost",
      cause: error,
    });
  }
  if (!(error instanceof Error) || error instanceof CountersignError || !("code" in error)) {
    return error;
  }
  const { code, message, hint, line, member } = error as Error & {
    code: ErrorCode;
    hint?: string;
    line?: number;
    member?: string;
  };
  return new CountersignError(code, message, { hint, line, member });
}
