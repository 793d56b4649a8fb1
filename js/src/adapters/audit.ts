/** What a handler records with. */

import type { Recorder } from "../record/recorder.js";

/**
 * A recorder that many share, so that none of them can close it. Every {@link Recorder} is one.
 *
 * One of a Worker may be yet to start. What is recorded until then waits for it, and only then is it seen whether the
 * event is one: `record` throws where it cannot be written as JSON, and of all else that is wrong with it the handle
 * and `onError` are told.
 */
export type Audit = Pick<Recorder, "record" | "recordJson" | "flush" | "status">;
