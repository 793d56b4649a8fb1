/** Signals that ask a temporary log to stop. */

import { closeSync, openSync } from "node:fs";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Milliseconds that a command has to end after Ctrl-C, before it gets the signal from this process. */
export const SIGINT_GRACE_MS = 5_000;

/** The signals to this process, which don't end it until `close`. */
export class StopSignals {
  /** Resolves at the first signal. */
  readonly first: Promise<void>;
  #isRequested = false;
  #receiver: ((signal: NodeJS.Signals) => void) | undefined;
  readonly #listener: (signal: NodeJS.Signals) => void;

  constructor() {
    let request = () => {};
    this.first = new Promise((resolve) => {
      request = resolve;
    });
    this.#listener = (signal) => {
      this.#isRequested = true;
      request();
      this.#receiver?.(signal);
    };
    for (const signal of SIGNALS) {
      process.on(signal, this.#listener);
    }
  }

  /** True after a signal. */
  get isRequested(): boolean {
    return this.#isRequested;
  }

  /** Calls `receiver` with each further signal. */
  pass(receiver: (signal: NodeJS.Signals) => void): void {
    this.#receiver = receiver;
  }

  /** Lets the next signal end this process at once. */
  close(): void {
    for (const signal of SIGNALS) {
      process.off(signal, this.#listener);
    }
  }
}

/**
 * Passes signals on to a command. A terminal sends Ctrl-C to the command, too, but `kill -INT` reaches only this process,
 * and Node.js doesn't report the sender. So with a terminal, SIGINT is passed on only if the command doesn't end within
 * `SIGINT_GRACE_MS`, and once.
 */
export class SignalForwarder {
  readonly #send: (signal: NodeJS.Signals) => void;
  readonly #hasTerminal: () => boolean;
  #timer: NodeJS.Timeout | undefined;

  /** `send` sends a signal to the command. */
  constructor(send: (signal: NodeJS.Signals) => void, hasTerminal: () => boolean = hasControllingTerminal) {
    this.#send = send;
    this.#hasTerminal = hasTerminal;
  }

  forward(signal: NodeJS.Signals): void {
    if (signal !== "SIGINT" || !this.#hasTerminal()) {
      this.#send(signal);
      return;
    }
    this.#timer ??= setTimeout(() => this.#send(signal), SIGINT_GRACE_MS);
  }

  /** Sends nothing more after the command has ended. */
  close(): void {
    clearTimeout(this.#timer);
  }
}

/** True if this process has a terminal that can send it Ctrl-C, even if its standard input is a file. */
function hasControllingTerminal(): boolean {
  try {
    closeSync(openSync("/dev/tty", "r"));
    return true;
  } catch {
    return false;
  }
}
