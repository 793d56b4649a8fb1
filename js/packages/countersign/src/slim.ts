/**
 * The entry `countersign/slim`: recording and verifying without the package's own WebAssembly and worker, for programs
 * that load these themselves.
 *
 * @example
 * ```ts
 * import { createVerifier, recording } from "countersign/slim";
 * const { createRecorder } = recording(() => WebAssembly.compile(bytesOf("countersign/recorder.wasm")));
 * const { verify } = createVerifier({ module: () => WebAssembly.compile(bytesOf("countersign/verifier.wasm")) });
 * ```
 *
 * @module
 */

import type { ModuleSource } from "./artifact/load.js";
import { type CreateRecorder, type GenerateKey, recording as recordingIn } from "./record/create.js";
import { ofRuntime } from "./record/lifecycle.js";

export type { CompiledModule, ModuleSource } from "./artifact/load.js";
export type { CreateRecorder, GeneratedKey, GenerateKey } from "./record/create.js";
export {
  createVerifier,
  type Verification,
  type VerifierSetup,
  type Verify,
  type VerifyLive,
  type VerifyReading,
  type WorkerLike,
} from "./verify/create-verifier.js";

/**
 * Returns `createRecorder` and `generateKey`, as exported by `countersign`, for a given recorder module. Their
 * recorders also deliver and report when a page or a program ends.
 */
export const recording = (source: ModuleSource): { createRecorder: CreateRecorder; generateKey: GenerateKey } =>
  recordingIn(source, ofRuntime);
