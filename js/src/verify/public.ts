/** What every entry of `countersign/verify` gives beside `verify`. */

export { CountersignError, type ErrorCode } from "../error.js";
export type * from "../report.js";
export { EventBatch, type Json, VerifiedEvent } from "./batch.js";
export type { Verification, Verify } from "./host.js";
export type { Expectations, Progress, VerifyOptions } from "./options.js";
export type { Source } from "./source.js";
