/** Verifies on this thread, in small steps where others are to have turns. */

import { codedBy } from "../rpc/errors.js";
import init, { Verifier } from "../wasm/verifier.js";
import { type Engine, type Listener, never, type Outcome, PIECE, type Task } from "./roles.js";
import { tell } from "./telling.js";

/** After how many milliseconds others get a turn. */
const TURN = 25;
/** The same in bytes, for where the clock stands still while work is done. */
const BYTES_A_TURN = 4 << 20;

/** The engine for where there are no workers, or none are wanted, and for a worker that verifies alone. */
export class Inline implements Engine {
  #verifier: Verifier;
  #listener: Listener;
  #takesTurns: boolean;
  #live: ReturnType<typeof reporting> | undefined;
  #spare = new ArrayBuffer(PIECE);
  #turnBegan = performance.now();
  #bytesOfTurn = 0;
  #stopped = false;
  #isTelling = false;

  /** The core is loaded. */
  constructor(task: Task, listener: Listener, takesTurns: boolean) {
    this.#verifier = new Verifier(task.trust, task.pins, task.expect, task.wants);
    this.#listener = listener;
    this.#takesTurns = takesTurns;
    this.#live = task.wants.live ? reporting(task, this.#verifier, listener, () => !this.#isTelling) : undefined;
  }

  static async start(module: WebAssembly.Module, task: Task, listener: Listener): Promise<Inline> {
    await init({ module_or_path: module });
    return core(() => new Inline(task, listener, true));
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
    await tell(this.#verifier, this.#listener, () => (this.#stopped ? never() : undefined));
    this.#isTelling = false;
  }

  async #pauseAfter(bytes: number): Promise<void> {
    if (!this.#takesTurns) {
      return;
    }
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
    throw codedBy("verifier", error);
  }
}

/** How long there is between two reports, in milliseconds. */
const EVERY = 250;

/**
 * Has the core verify what there is, and tells its reports, no more often than someone can look at them. `isReady` says
 * whether all that came before was handed out; whoever says no looks again later.
 */
function reporting({ measuresNow, expect }: Task, verifier: Verifier, to: Listener, isReady: () => boolean) {
  const now = () => new Date(Date.now() - (expect?.restMs ?? 0)).toISOString();
  let told = Number.NEGATIVE_INFINITY;
  let later: ReturnType<typeof setTimeout> | undefined;
  const tellNow = () => {
    const outcome = isReady() ? (verifier.takeReport() as Outcome | undefined) : undefined;
    if (outcome !== undefined) {
      told = performance.now();
      to.report(outcome);
    }
  };
  const tellLater = () => {
    later = undefined;
    try {
      tellNow();
    } catch (error) {
      to.fail(error);
    }
  };
  return {
    /** Verifies the whole lines that there are. */
    settle: () => verifier.settle(measuresNow ? now() : undefined),
    /** There may be a report: it is told now, or when the time has come. */
    look: () => {
      const wait = told + EVERY - performance.now();
      if (wait <= 0) {
        tellNow();
      } else {
        later ??= setTimeout(tellLater, wait);
      }
    },
    /** None are told any more. */
    stop: () => clearTimeout(later),
  };
}
