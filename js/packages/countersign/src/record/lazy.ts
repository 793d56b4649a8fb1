/** Recorders that read their options when they start, for runtimes where these aren't available while modules load. */

import type { LazyOptions } from "./create.js";
import type { Recorder } from "./recorder.js";
import { factory } from "./runtime-factory.js";

/** Creates a recorder that accepts events at once and reads its options on each attempt to start. */
export const createLazyRecorder: (options: LazyOptions) => Recorder = factory.createLazyRecorder;

/** Starts the recorder. Unless `required`, a failure is only reported, and events wait for the next attempt. */
export async function startRecorder(recorder: Recorder, required: boolean): Promise<void> {
  const ready = recorder.ready();
  await (required ? ready : ready.catch(() => {}));
}
