/** Verifies on the caller's own thread, in small steps. */

import init, { Verifier } from "../wasm/verifier.js";
import { type Engine, engineError, type Listener, never } from "./engine.js";
import { type Outcome, plainError, type Task } from "./protocol.js";

/** After how many steps others get a turn: some milliseconds. */
const STEPS_AT_A_TIME = 4;

/** The engine for where there are no workers, or none are wanted. */
export class Inline implements Engine {
  #verifier: Verifier;
  #listener: Listener;
  #steps = 0;
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

  async feed(piece: Uint8Array): Promise<void> {
    for (let rest = piece; rest.length > 0; ) {
      const taken = core(() => this.#verifier.push(rest));
      rest = rest.subarray(taken);
      const { lines, events } = this.#verifier;
      this.#listener.taken(taken, { lines, events });
      await this.#show(this.#verifier.takeEvents());
      await this.#pause();
    }
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

  async #pause(): Promise<void> {
    this.#steps += 1;
    if (this.#steps % STEPS_AT_A_TIME === 0) {
      await new Promise((resolve) => setTimeout(resolve));
    }
    if (this.#stopped) {
      await never();
    }
  }
}

function core<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw engineError(plainError(error));
  }
}
