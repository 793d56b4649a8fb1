/** The artefacts `recorder` and `recorder-slim`, as this package uses them. */

import { CountersignError, type ErrorCode } from "../error.js";

/** A chain in WebAssembly, with a queue in front (src/wasm/recorder.rs). */
export interface CoreRecorder {
  readonly chain: string | undefined;
  readonly queued: number;
  readonly queuedBytes: number;
  redact(name: string): void;
  record(json: string, time: number, salt: Uint8Array, typed: boolean): void;
  begin(time: number, nonce: Uint8Array, close: boolean): void;
  step(time: number): Uint8Array | undefined;
  sign(signature: Uint8Array): void;
  take(): Uint8Array;
  free(): void;
}

/** What an artefact exports. */
export interface Core {
  Recorder: new (origin: string, key: string, signEvery: number, redact: boolean) => CoreRecorder;
}

/** How a runtime loads an artefact: compiled already, or to be compiled on first use. */
export type ModuleSource = WebAssembly.Module | (() => Promise<WebAssembly.Module>);

/** Gives the artefact once it is loaded. A load that failed is tried again by the next call. */
export function loader<C>(core: C, source: ModuleSource, init: (module: WebAssembly.Module) => unknown) {
  let loading: Promise<C> | undefined;
  const load = async () => {
    init(typeof source === "function" ? await source() : source);
    return core;
  };
  return (): Promise<C> => {
    loading ??= load().catch((cause) => {
      loading = undefined;
      throw new CountersignError("wasm.unavailable", "the recorder's WebAssembly could not be loaded", {
        hint: "a Content-Security-Policy must allow 'wasm-unsafe-eval' in script-src, and in connect-src where the .wasm file is",
        cause,
      });
    });
    return loading;
  };
}

/** Does work in the core, whose errors become the package's own. */
export function inCore<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw coded(error);
  }
}

function coded(error: unknown): unknown {
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
