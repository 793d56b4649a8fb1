/** Graceful shutdown of a program on signals. */

import { constants } from "node:os";
import { asLine, CountersignError, must, mustBeMillis } from "../error.js";
import { ownOptions } from "../known.js";
import { exiting } from "../record/lifecycle.js";
import type { Recorder } from "../record/recorder.js";

/** Options of `closeOnSignals`. */
export interface CloseOptions {
  /**
   * The signals to handle.
   *
   * @default ["SIGTERM", "SIGINT"]
   * @example
   * ```ts
   * signals: ["SIGTERM"]
   * ```
   */
  signals?: readonly NodeJS.Signals[] | undefined;
  /**
   * Called and awaited before the recorder is closed, for example to close the server, so that nothing more is
   * recorded.
   *
   * @default undefined: the recorder is closed at once
   * @example
   * ```ts
   * first: () => new Promise((closed) => server.close(closed))
   * ```
   */
  first?: (() => unknown) | undefined;
  /**
   * Milliseconds to retry failed deliveries.
   *
   * @default 5000
   * @example
   * ```ts
   * retryForMs: 10_000
   * ```
   */
  retryForMs?: number | undefined;
}

/** Number of recorders being closed. */
let closing = 0;

/**
 * Closes the recorder when a signal arrives, then lets the signal end the program as usual. A second signal ends it
 * immediately. As the first process of a container, which signals don't end, the program exits once the recorder is
 * closed. Returns a function that removes the handlers.
 *
 * @example
 * ```ts
 * closeOnSignals(audit, { first: () => new Promise((closed) => server.close(closed)) });
 * ```
 */
export function closeOnSignals(audit: Pick<Recorder, "close">, options: CloseOptions = {}): () => void {
  const {
    signals = ["SIGTERM", "SIGINT"],
    first,
    retryForMs = 5_000,
  } = ownOptions(options, ["signals", "first", "retryForMs"]);
  const recorder = "pass the result of createRecorder";
  must(typeof audit?.close === "function", "audit", "`audit` must be a recorder", recorder);
  const areSignals = Array.isArray(signals) && signals.every((signal) => signal in constants.signals);
  must(areSignals, "signals", "`signals` must be an array of signal names", 'pass names such as ["SIGTERM"]');
  must(
    first === undefined || typeof first === "function",
    "first",
    "`first` must be a function",
    "pass a function to call before the recorder is closed",
  );
  mustBeMillis(retryForMs, "retryForMs");
  const undo = () => {
    for (const signal of signals) {
      process.off(signal, end);
    }
  };
  const end = async (signal: NodeJS.Signals) => {
    undo();
    closing += 1;
    try {
      await first?.();
    } catch (error) {
      console.error("countersign: `first` failed before the recorder was closed:", error);
    }
    try {
      await audit.close({ retryForMs });
    } catch (error) {
      const what = "the recorder could not be closed: ";
      if (error instanceof CountersignError) {
        console.error(asLine(error, what));
      } else {
        console.error(`countersign: ${what}`, error);
      }
    }
    closing -= 1;
    if (closing === 0) {
      // A signal ends a program without the `exit` event, in which recorders report lost events.
      exiting();
      // A signal without a handler does not end the first process of a container.
      if (process.pid === 1 && process.listenerCount(signal) === 0) {
        process.exit(128 + constants.signals[signal]);
      }
      process.kill(process.pid, signal);
    }
  };
  for (const signal of signals) {
    process.on(signal, end);
  }
  return undo;
}
