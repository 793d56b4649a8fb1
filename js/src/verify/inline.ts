/** Verifies on the caller's own thread, in small steps. */

import init, { Verifier } from "../wasm/verifier.js";
import { type Engine, engineError, type Listener, never, PIECE } from "./engine.js";
import { type Outcome, plainError, type Task } from "./protocol.js";

/** After how many milliseconds others get a turn. */
const TURN = 25;
/** The same in bytes, for where the clock stands still while work is done. */
const BYTES_A_TURN = 4 << 20;

/** The engine for where there are no workers, or none are wanted. */
export class Inline implements Engine {
  #verifier: Verifier;
  #listener: Listener;
  #spare = new ArrayBuffer(PIECE);
  #turnBegan = performance.now();
  #bytesOfTurn = 0;
  #stopped = false;
  /** Whether the core's memory was given back, as finishing does. */
  #isFreed = false;

  private constructor(task: Task, listener: Listener) {
    this.#verifier = new Verifier(task.trust, task.pins, task.expect, task.events);
    this.#listener = listener;
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
      await this.#show(this.#verifier.takeEvents());
      await this.#pauseAfter(taken);
    }
    this.#spare = piece.buffer as ArrayBuffer;
  }

  async end(): Promise<Outcome> {
    this.#isFreed = true;
    const { report, pin, events } = core(() => this.#verifier.finish() as Outcome & { events: Uint8Array });
    await this.#show(events);
    return { report, pin };
  }

  stop(): void {
    this.#stopped = true;
    if (!this.#isFreed) {
      this.#isFreed = true;
      this.#verifier.free();
    }
  }

  async #show(events: Uint8Array): Promise<void> {
    if (events.length > 0) {
      await this.#listener.show(events);
    }
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
    if (typeof setImmediate === "function") {
      setImmediate(resolve);
    } else {
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
