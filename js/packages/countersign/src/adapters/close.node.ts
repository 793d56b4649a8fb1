/** A program's end, when it is told to. */

import { constants } from "node:os";
import { asLine, CountersignError, must, mustBeMillis } from "../error.js";
import { ownOptions } from "../known.js";
import { exiting } from "../record/lifecycle.js";
import type { Recorder } from "../record/recorder.js";

/** How to end. */
export interface CloseOptions {
  /** Which signals. By default SIGTERM and SIGINT. */
  signals?: readonly NodeJS.Signals[] | undefined;
  /** What comes first: closing the server, so that nothing more is recorded. */
  first?: (() => unknown) | undefined;
  /** Milliseconds for which failed deliveries are retried. Default: 5000. */
  retryForMs?: number | undefined;
}

/** How many recorders are being closed. */
let closing = 0;

/**
 * Closes the recorder when the program is told to end, then lets the signal end it as it would have. A second signal ends
 * it at once. Signals don't end the first process of a container: that one exits once the recorder is closed. Gives what
 * takes this back.
 *
 *     closeOnSignals(audit, { first: () => new Promise((closed) => server.close(closed)) });
 */
export function closeOnSignals(audit: Pick<Recorder, "close">, options: CloseOptions = {}): () => void {
  const {
    signals = ["SIGTERM", "SIGINT"],
    first,
    retryForMs = 5_000,
  } = ownOptions(options, ["signals", "first", "retryForMs"]);
  const recorder = "give what createRecorder returns: createRecorder({ … })";
  must(typeof audit?.close === "function", "audit", "no recorder", recorder);
  const areSignals = Array.isArray(signals) && signals.every((signal) => signal in constants.signals);
  must(areSignals, "signals", "no list of signals", 'give their names, such as ["SIGTERM"]');
  must(
    first === undefined || typeof first === "function",
    "first",
    "no function",
    "give () => …, which is called then",
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
      console.error("countersign: what comes before closing failed:", error);
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
      // A signal ends a program without its event `exit`, by which recorders say what is lost.
      exiting();
      // The first process of a container is not ended by a signal that it does not handle.
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
