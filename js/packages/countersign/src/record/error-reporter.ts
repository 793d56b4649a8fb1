/** Reports a recorder's errors to `onError`, and keeps the last for `status()`. */

import { type CountersignError, tell } from "../error.js";

export class ErrorReporter {
  readonly #onError: (error: CountersignError) => void;
  #last: CountersignError | undefined;
  #isMuted = false;

  constructor(onError: (error: CountersignError) => void) {
    this.#onError = onError;
  }

  /** The last failure, until a flush succeeds. */
  get last(): CountersignError | undefined {
    return this.#last;
  }

  /** Keeps a failure. It is reported, unless the caller that waited for it `isTold` of it. */
  failed(error: CountersignError, isTold = false): void {
    if (this.#isMuted) {
      return;
    }
    this.#last = error;
    if (!isTold) {
      this.report(error);
    }
  }

  /** Reports an error that is no failure of a flush. */
  report(error: CountersignError): void {
    tell(this.#onError, error);
  }

  succeeded(): void {
    this.#last = undefined;
  }

  /** Ignores failures from now on: another recorder has the events. */
  mute(): void {
    this.#isMuted = true;
  }
}
