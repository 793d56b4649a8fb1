/** A check whether the core would redact a part of an event. */

import type { Recorder as CoreRecorder } from "../wasm/recorder.js";
import { inCore, salted } from "./core.js";

/** Number of events after which the core's recorder, which queues them, is replaced. */
const MAX_QUEUED = 256;

export class RedactionProbe {
  /** Creates a recorder of the core with the redaction to check. */
  readonly #begin: () => CoreRecorder;
  #core: CoreRecorder | undefined;
  #queued = 0;

  constructor(begin: () => CoreRecorder) {
    this.#begin = begin;
  }

  /** True if a value of this event, or a part of one, would be redacted. Throws if the event is invalid. */
  redacts(json: string): boolean {
    if (this.#queued >= MAX_QUEUED) {
      this.#core?.free();
      this.#core = undefined;
      this.#queued = 0;
    }
    this.#core ??= this.#begin();
    const core = this.#core;
    this.#queued++;
    inCore(() => core.record(salted(json), 0, false));
    return core.redacted > 0;
  }
}
