/** Exports of verification entry points that don't need the WebAssembly module. */

export { CountersignError, type ErrorCode } from "../error.js";
export type * from "../report.js";
export { EventBatch, type Json, VerifiedEvent } from "./batch.js";
export type { Verification, Verify, VerifyLive } from "./create-verifier.js";
export { EventStream, type ReadStreamOptions, readStream } from "./event-stream.js";
export type { Lines } from "./lines.js";
export type * from "./marks.js";
export type { Expectations, LiveOptions, Progress, VerifyOptions } from "./options.js";
export type { ReceiptOptions, ReceiptResult, VerifyReceipt } from "./receipt.js";
export type { Source } from "./source.js";
