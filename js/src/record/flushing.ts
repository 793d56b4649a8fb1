/** One flush at a time: whoever asks for one while it is under way waits for the same. */

import { pause, type Waits } from "../deliver/backoff.js";
import { Failure } from "../deliver/failure.js";
import { CountersignError } from "../error.js";

/** What a flush does. */
export interface Work {
  /** Delivers all that there is. `alive` tells after each wait whether to go on. */
  run(alive: () => boolean): Promise<void>;
  /** Whether events up to that number are still to be delivered. */
  owes(number: number): boolean;
  /** Told of what kept a flush from ending well, and whether somebody who waited for it was. */
  failed(error: CountersignError, told: boolean): void;
  /** Told that a flush ended well. */
  succeeded(): void;
  /** Told that no flush is under way any more: what was recorded at the last moment waits for the next. */
  ended(): void;
}

/** How flushes behave. */
export interface Pace {
  /** Whether what fails is tried again by itself. */
  auto: boolean;
  waits: Waits;
  /**
   * Where flushes are asked for in contexts that end one by one, as requests of a Worker do: how many milliseconds pass
   * at most between two signs of life of a flush, before another context takes it for dead and takes its place.
   */
  lifetime: number | undefined;
}

interface Waiter {
  readonly number: number;
  /** Until when to go on after a failure. */
  readonly until: number;
  resolve(): void;
  reject(error: unknown): void;
}

/** How often a flush that rests shows that it is alive. */
const ALIVE = 1_000;

/** How often a context looks after a flush of another. */
const LOOK = 50;

/** Milliseconds that never go back. */
const clock = () => performance.now();

export class Flushing {
  readonly #work: Work;
  readonly #pace: Pace;
  #waiters: Waiter[] = [];
  /** Counts flushes, so that one which was taken for dead does nothing more. */
  #generation = 0;
  #running = false;
  #seen = 0;
  #failures = 0;
  /** Not before this moment, as the collector asked. */
  #notBefore = 0;
  #lastError: unknown;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = 0;
  #wake: (() => void) | undefined;
  #ended = false;

  constructor(work: Work, pace: Pace) {
    this.#work = work;
    this.#pace = pace;
  }

  get isRunning(): boolean {
    return this.#running;
  }

  /** Milliseconds until the next try, after a failure. */
  get retryIn(): number | undefined {
    return this.#failures > 0 && this.#timer !== undefined ? Math.max(0, this.#due - clock()) : undefined;
  }

  /** Flushes all events up to that number, and goes on so many milliseconds after a failure. */
  async flush(number: number, patience: number): Promise<void> {
    if (patience === 0 && clock() < this.#notBefore && !this.#running) {
      throw this.#lastError;
    }
    const waiting = new Promise<void>((resolve, reject) => {
      this.#waiters.push({ number, until: clock() + patience, resolve, reject });
    });
    this.#wake?.();
    this.#start();
    if (this.#pace.lifetime === undefined) {
      return waiting;
    }
    let done = false;
    const ended = waiting.finally(() => {
      done = true;
    });
    while (!done) {
      await Promise.race([ended.catch(() => {}), sleep(LOOK)]);
      if (!done) {
        this.#start();
      }
    }
    return waiting;
  }

  /** Tells those whose events came, though the flush goes on with others. */
  progressed(): void {
    this.#settle(() => undefined);
  }

  /** Flushes after so many milliseconds at the latest, unless a failed flush is to be tried again anyway. */
  soon(milliseconds: number): void {
    if (this.#ended || this.#failures > 0) {
      return;
    }
    this.#schedule(milliseconds);
  }

  /** Nothing begins by itself any more. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(milliseconds: number): void {
    const due = clock() + milliseconds;
    if (this.#timer !== undefined && this.#due <= due) {
      return;
    }
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#start();
    }, milliseconds);
    // In Node.js a timer would keep the program from ending.
    (this.#timer as { unref?: () => void }).unref?.();
  }

  #start(): void {
    if (this.#running && clock() - this.#seen < (this.#pace.lifetime ?? Number.POSITIVE_INFINITY)) {
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    void this.#run(++this.#generation);
  }

  async #run(generation: number): Promise<void> {
    const alive = () => {
      this.#seen = generation === this.#generation ? clock() : this.#seen;
      return generation === this.#generation;
    };
    this.#running = true;
    this.#seen = clock();
    do {
      const again = await this.#attempt(alive);
      if (!alive()) {
        return;
      }
      if (again > 0) {
        await this.#rest(again, alive);
        if (!alive()) {
          return;
        }
      }
    } while (this.#waiters.length > 0);
    this.#running = false;
    this.#work.ended();
  }

  /** Works once, and gives how long to rest before the next time, if somebody waits for it. */
  async #attempt(alive: () => boolean): Promise<number> {
    try {
      await this.#work.run(alive);
    } catch (cause) {
      if (!alive()) {
        return 0;
      }
      return this.#failed(cause);
    }
    if (alive()) {
      this.#failures = 0;
      this.#notBefore = 0;
      this.#work.succeeded();
      this.progressed();
    }
    return 0;
  }

  #failed(cause: unknown): number {
    const error = cause instanceof Failure ? cause.error : cause;
    const retryAfter = cause instanceof Failure ? cause.retryAfter : undefined;
    this.#failures++;
    this.#lastError = error;
    const wait = pause(this.#pace.waits, this.#failures, retryAfter, Math.random());
    this.#notBefore = retryAfter === undefined ? 0 : clock() + Math.min(wait, retryAfter);
    const now = clock();
    const told = this.#settle((waiter) => (waiter.until <= now ? { error } : undefined));
    this.#work.failed(asCoded(error), told);
    const patient = Math.max(0, ...this.#waiters.map(({ until }) => until - now));
    if (patient > 0) {
      return Math.min(wait, patient);
    }
    const isDead = cause instanceof Failure && cause.scope === "dead";
    if (this.#pace.auto && !this.#ended) {
      this.#schedule(isDead ? 0 : wait);
    }
    return 0;
  }

  /** Tells who waits: those whose events came, and those who are to be told of an error. Gives whether any of these was. */
  #settle(fate: (waiter: Waiter) => { error: unknown } | undefined): boolean {
    const waiters = this.#waiters;
    this.#waiters = [];
    let some = false;
    for (const waiter of waiters) {
      if (!this.#work.owes(waiter.number)) {
        waiter.resolve();
        continue;
      }
      const told = fate(waiter);
      if (told === undefined) {
        this.#waiters.push(waiter);
      } else {
        waiter.reject(told.error);
        some = true;
      }
    }
    return some;
  }

  /** Waits before the next try, until somebody asks for a flush. */
  async #rest(milliseconds: number, alive: () => boolean): Promise<void> {
    const until = clock() + milliseconds;
    let woken = false;
    const wake = new Promise<void>((resolve) => {
      this.#wake = () => {
        woken = clock() >= this.#notBefore;
        resolve();
      };
    });
    while (!woken && alive() && clock() < until) {
      await Promise.race([wake, sleep(Math.min(until - clock(), ALIVE))]);
    }
    this.#wake = undefined;
  }
}

function asCoded(error: unknown): CountersignError {
  if (error instanceof CountersignError) {
    return error;
  }
  return new CountersignError("recorder.failed", `a flush failed unexpectedly: ${error}`, {
    hint: "nothing is lost; this is a defect of the package, please report it",
    cause: error,
  });
}

function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(1, milliseconds)));
}
