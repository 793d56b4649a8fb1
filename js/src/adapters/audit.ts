/** What a handler records with. */

import type { Recorder } from "../record/recorder.js";

/**
 * A recorder that many share, so that none of them can close it. Every {@link Recorder} is one.
 */
export type Audit = Pick<Recorder, "record" | "recordJson" | "flush" | "status">;
