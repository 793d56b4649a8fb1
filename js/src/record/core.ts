/** The artefacts `recorder` and `recorder-slim`, as this package uses them. */

import { type CompiledModule, loading, type ModuleSource } from "../artefact/load.js";
import { CountersignError, type ErrorCode } from "../error.js";

/** A chain in WebAssembly, with a queue in front (wasm/src/recorder.rs). */
export interface CoreRecorder {
  readonly chain: string | undefined;
  readonly links: number;
  readonly queued: number;
  /** Has a name or path redacted too. */
  redact(path: string): void;
  /** How much was redacted of the event that was recorded last. */
  readonly redacted: number;
  /** Whether `unstored` is to give what is recorded from now on. */
  keepUnstored(keep: boolean): void;
  /** Gives how many bytes of UTF-8 the event has. */
  record(json: string, time: number, salt: Uint8Array, typed: boolean): number;
  /** Of each event that `record` took since the last call a line for `restore`, with its line feed. */
  unstored(): string;
  /** As many bytes as `record` gave. */
  restore(line: string): number;
  /** The same lines of all that waits, for another recorder. */
  queuedLines(): string;
  /** Begins a flush of at most `most` events, of all where it is 0 or the chain closes. */
  begin(time: number, nonce: Uint8Array, close: boolean, most: number): void;
  step(time: number): Uint8Array | undefined;
  sign(signature: Uint8Array): void;
  take(): Uint8Array;
  free(): void;
}

/** What is trusted of one log, in WebAssembly (wasm/src/proof.rs). */
export interface CoreLogTrust {
  readonly origin: string;
  free(): void;
}

/** That of the artefact `recorder`. */
export interface ProvingTrust extends CoreLogTrust {
  /** Checks that a proof shows the leaf to be in the log, and gives its index. */
  prove(proof: string, leaf: string): number;
}

/** That of the artefact `recorder-slim`. */
export interface AskingTrust extends CoreLogTrust {
  /** The signatures that a proof stands on: of each the key, the signature and the message. */
  claims(proof: string, leaf: string): Uint8Array[];
  /** Checks the proof, told which of these are valid (1) and which are not (0), and gives the leaf's index. */
  decide(proof: string, leaf: string, valid: Uint8Array): number;
}

/** What an artefact exports. */
export interface Core<Trust extends CoreLogTrust = CoreLogTrust> {
  Recorder: new (origin: string, key: string, signEvery: number, redactKnown: boolean) => CoreRecorder;
  /** Reads a log's vkey, or a trust file with exactly one `log` line. */
  LogTrust: new (
    text: string,
  ) => Trust;
  /** The first line of an export, with its line feed. */
  header(origin: string): string;
}

/** What makes an artefact work: at once, or where it must be in turns, which takes a hundred times as long. */
interface Instantiating {
  initSync(options: { module: CompiledModule }): unknown;
  default(options: { module_or_path: CompiledModule }): Promise<unknown>;
}

/** Gives the artefact once it is loaded. A load that failed is tried again by the next call. */
export function loader<C extends Instantiating>(core: C, source: ModuleSource): () => Promise<C> {
  return loading("recorder", source, async (module) => {
    if (module instanceof WebAssembly.Module) {
      core.initSync({ module });
    } else {
      // One of another realm, as Next.js gives at the edge, which `initSync` takes for none.
      await core.default({ module_or_path: module });
    }
    return core;
  });
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
