/** Tasks of the program's thread for the main thread, and the answers (crates/cli/src/host.rs). */

import type { DevLog } from "./dev-log.node.js";

/** A task of the program, which waits for the answer. */
export type Task =
  | { readonly task: "check_url"; readonly url: string }
  | { readonly task: "submit"; readonly url: string; readonly since: string | null }
  | { readonly task: "handle_signals" }
  | ({ readonly task: "dev" } & DevLog)
  | ReadInput;

/** Reads the next part of standard input, so that a signal can end the wait. Asked by the thread itself. */
export interface ReadInput {
  readonly task: "read_input";
}

/** A task with the bytes that belong to it. */
export interface HostRequest {
  readonly task: Task;
  readonly body: Uint8Array;
}

/** An error in the form of the program's own. */
export interface HostError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly place?: string;
}

/** The answer to a task: the first line in JSON, and the bytes after it. */
export interface HostAnswer {
  readonly head: { readonly error?: HostError; readonly status?: number; readonly retryAfterMs?: number };
  readonly body?: Uint8Array;
}

/** Memory that both threads share: the number of answers, and 1 after a signal that the program handles. */
export class HostSignals {
  static readonly bytes = 2 * Int32Array.BYTES_PER_ELEMENT;
  readonly #words: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#words = new Int32Array(memory);
  }

  get isStopped(): boolean {
    return Atomics.load(this.#words, 1) === 1;
  }

  stop(): void {
    Atomics.store(this.#words, 1, 1);
  }

  /** Wakes the program's thread after an answer was sent. */
  answer(): void {
    Atomics.add(this.#words, 0, 1);
    Atomics.notify(this.#words, 0);
  }

  /** Blocks until there is an answer to what `ask` sends. */
  waitForAnswer(ask: () => void): void {
    const before = Atomics.load(this.#words, 0);
    ask();
    Atomics.wait(this.#words, 0, before);
  }
}
