/** Recorders whose options are read when they start, for runtimes that have them later than modules are loaded. */

import type { LazyOptions } from "./create.js";
import { made } from "./made.js";
import type { Recorder } from "./recorder.js";

/** Creates a recorder that takes events at once, and reads its options in each attempt to start. */
export const createLazyRecorder: (options: LazyOptions) => Recorder = made.createLazyRecorder;

/** Starts the recorder. Unless `required`, a failure is only reported, and events wait for the next attempt. */
export async function begin(recorder: Recorder, required: boolean): Promise<void> {
  const ready = recorder.ready();
  await (required ? ready : ready.catch(() => {}));
}
