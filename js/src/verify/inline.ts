/** Verifies on the caller's own thread, in small steps. */

import type { Finding } from "../report.js";
import init, { Verifier } from "../wasm/verifier.js";
import { type Engine, engineError, type Listener, never, PIECE } from "./engine.js";
import { Live } from "./live.js";
import { type Outcome, plainError, type Shown, type Task } from "./messages.js";

/** After how many milliseconds others get a turn. */
const TURN = 25;
/** The same in bytes, for where the clock stands still while work is done. */
const BYTES_A_TURN = 4 << 20;

/** The engine for where there are no workers, or none are wanted. */
export class Inline implements Engine {
  readonly started = Promise.resolve();
  #verifier: Verifier;
  #listener: Listener;
  #live: Live | undefined;
  #spare = new ArrayBuffer(PIECE);
  #turnBegan = performance.now();
  #bytesOfTurn = 0;
  #stopped = false;
  #isTelling = false;

  private constructor(task: Task, listener: Listener) {
    this.#verifier = new Verifier(task.trust, task.pins, task.expect, task.wants);
    this.#listener = listener;
    const told = { tell: listener.report.bind(listener), isReady: () => !this.#isTelling, fail: listener.fail };
    this.#live = task.wants.live ? new Live(task, this.#verifier, told) : undefined;
  }

  static async start(module: WebAssembly.Module, task: Task, listener: Listener): Promise<Inline> {
    await init({ module_or_path: module });
    return core(() => new Inline(task, listener));
  }

  buffer(): ArrayBuffer {
    return this.#spare;
  }

  async feed(piece: Uint8Array): Promise<void> {
    for (let rest = piece; rest.length > 0; ) {
      const taken = core(() => this.#verifier.push(rest));
      rest = rest.subarray(taken);
      const { lines, events } = this.#verifier;
      this.#listener.taken(taken, { lines, events });
      await this.#tell();
      await this.#pauseAfter(taken);
    }
    if (this.#live !== undefined) {
      const live = this.#live;
      core(() => live.settle());
      await this.#tell();
      core(() => live.look());
    }
    this.#spare = piece.buffer as ArrayBuffer;
  }

  async end(): Promise<Outcome> {
    const outcome = core(() => this.#verifier.finish() as Outcome);
    await this.#tell();
    return outcome;
  }

  stop(): void {
    if (!this.#stopped) {
      this.#stopped = true;
      this.#live?.stop();
      this.#verifier.free();
    }
  }

  /** Passes on what became known. */
  async #tell(): Promise<void> {
    this.#isTelling = true;
    const findings = this.#verifier.takeFindings() as Finding[] | undefined;
    if (findings !== undefined) {
      this.#listener.found(findings);
    }
    await this.#show("events", () => this.#verifier.takeEvents());
    while (await this.#show("marks", () => this.#verifier.takeMarks())) {}
    this.#isTelling = false;
  }

  /** Shows what there is, and says whether there was anything. */
  async #show(what: Shown, take: () => Uint8Array): Promise<boolean> {
    if (this.#stopped) {
      return never();
    }
    const bytes = take();
    if (bytes.length > 0) {
      await this.#listener.show(what, bytes);
    }
    return bytes.length > 0;
  }

  async #pauseAfter(bytes: number): Promise<void> {
    this.#bytesOfTurn += bytes;
    if (this.#bytesOfTurn >= BYTES_A_TURN || performance.now() - this.#turnBegan >= TURN) {
      await othersTurn();
      this.#bytesOfTurn = 0;
      this.#turnBegan = performance.now();
    }
    if (this.#stopped) {
      await never();
    }
  }
}

/** Resolves when others had a turn, without the timer's delay where there is a way. */
function othersTurn(): Promise<void> {
  return new Promise((resolve) => {
    const { setImmediate } = globalThis as unknown as { setImmediate?: (resolve: () => void) => unknown };
    try {
      // At the edge Next.js has one that throws.
      (setImmediate ?? setTimeout)(resolve);
    } catch {
      setTimeout(resolve);
    }
  });
}

function core<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw engineError(plainError(error));
  }
}
