/** Verification, plus two features for the viewer: rereading a source, and the positions of its events. */

export type { VerifiedEvent } from "../../countersign/dist/verify/batch.js";
export {
  createVerifier,
  type Verify,
  type VerifyArchive,
  type VerifyLive,
  type VerifyReading,
} from "../../countersign/dist/verify/create-verifier.js";
export { readStream } from "../../countersign/dist/verify/event-stream.js";
export type * from "../../countersign/dist/verify/marks.js";
export type { Expectations, Verification, VerifyOptions } from "../../countersign/dist/verify/public.js";
export { CHUNK_BYTES } from "../../countersign/dist/verify/roles.js";
export { lengthOf, open, type Reading, readable, type Source } from "../../countersign/dist/verify/source.js";
