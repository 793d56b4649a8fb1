/** What every entry for recording gives beside `createRecorder`. */

export { CountersignError, type ErrorCode } from "../error.js";
export { type CreateRecorder, REDACTED, type RecorderOptions } from "./create.js";
export type { Actor, AuditEvent, Context, HttpRequest, KnownAction, Members, Target } from "./event.js";
export { type Memory, memory, type Transport } from "./memory.js";
export type { Recorder } from "./recorder.js";
export type { KeyHandle, Signer } from "./signer.js";
export { generateKeyHandle } from "./webcrypto.js";
