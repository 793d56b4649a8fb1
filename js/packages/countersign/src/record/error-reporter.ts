/** Reports a recorder's errors to `onError` and keeps the last one for `status()`. */

import { type CountersignError, callOnError } from "../error.js";

export class ErrorReporter {
  readonly #onError: (error: CountersignError) => void;
  #last: CountersignError | undefined;
  #isMuted = false;

  constructor(onError: (error: CountersignError) => void) {
    this.#onError = onError;
  }

  /** The last failure; undefined after a successful flush. */
  get last(): CountersignError | undefined {
    return this.#last;
  }

  /** Keeps a failure as the last one, and reports it unless a caller receives it (`isHandled`). */
  failed(error: CountersignError, isHandled = false): void {
    if (this.#isMuted) {
      return;
    }
    this.#last = error;
    if (!isHandled) {
      this.report(error);
    }
  }

  /** Reports an error without keeping it as the last failure. */
  report(error: CountersignError): void {
    callOnError(this.#onError, error);
  }

  succeeded(): void {
    this.#last = undefined;
  }

  /** Ignores failures from now on, because another recorder has the events. */
  mute(): void {
    this.#isMuted = true;
  }
}
