/** One flush at a time: whoever asks for one while it is under way waits for the same. */

import { Failure } from "../deliver/failure.js";
import { CountersignError, coded } from "../error.js";
import { deferred } from "../promises.js";
import { pause, ref, sleep, unref, type Waits, within } from "../timers.js";
import type { Hold } from "./lifecycle.js";

/** One attempt to deliver all that waits. */
export interface FlushTurn {
  /** Returns true while the attempt is to go on; asked after each wait. */
  isAlive(): boolean;
  /** True if someone asked for it: chains that wait after a failure of their own are tried too, where they may be. */
  readonly isAsked: boolean;
  /** Resolves the flushes whose events are delivered, though others are not yet. */
  progressed(): void;
}

/** What is flushed. */
export interface FlushWork {
  /** Delivers all that waits. Throws why some of it is not delivered. */
  flush(turn: FlushTurn): Promise<void>;
  /** Milliseconds until a chain that waits is tried again. */
  readonly retryInMs: number | undefined;
  /** The number of the event that was recorded last. */
  readonly newest: number;
  /** True if events up to that number are still to be delivered. */
  owes(number: number): boolean;
}

/** What became of flushes. */
export interface FlushEvents {
  /** A flush did not end well. `isTold` is true if someone waited for it, or was told of the same before. */
  failed(error: CountersignError, isTold: boolean): void;
  /** A flush ended well. */
  succeeded(): void;
  /** No flush is under way any more: what was recorded at the last moment waits for the next. */
  ended(): void;
}

/** How flushes behave. */
export interface Pace {
  /** Whether what fails is tried again by itself. */
  auto: boolean;
  waits: Waits;
  /**
   * Where flushes are asked for in contexts that end one by one, as requests of a Worker do: how many milliseconds pass
   * at most between two signs of life of a flush, before it is taken for dead. Each context then works for itself when
   * it is its turn, and waits for no promise of another.
   */
  lifetime: number | undefined;
  /** Keeps such a context, where flushes begin in them by themselves. */
  hold: Hold | undefined;
}

/** What kept a flush from ending well, and how long to wait before the next. */
interface Failed {
  readonly error: CountersignError;
  readonly wait: number;
  /** Whether some of what was to be delivered never will be: nobody may take this flush for a good one. */
  readonly isDead: boolean;
  /** Whether it was told before. */
  readonly isOld: boolean;
}

interface Waiter {
  readonly number: number;
  /** Until when to go on after a failure. */
  readonly until: number;
  resolve(): void;
  reject(error: unknown): void;
}

/** A flush in a context that ends begins no new try after so many milliseconds: `waitUntil` keeps it for 30 s. */
export const PATIENCE = 20_000;

/** How long is waited at most before looking again. */
const PAUSE = 1_000;

/** How long a context waits at first before it looks again whether it is its turn. */
const LOOK = 10;

/** Milliseconds that never go back. */
const clock = () => performance.now();

export class FlushScheduler {
  readonly #work: FlushWork;
  readonly #pace: Pace;
  readonly #events: FlushEvents;
  #waiters: Waiter[] = [];
  /** Counts flushes, so that one which was taken for dead does nothing more. */
  #generation = 0;
  isRunning: boolean = false;
  #seen = 0;
  #failures = 0;
  /** Not before this moment, as the log server asked. */
  #notBefore = 0;
  /** Nobody who has time tries again before this moment. */
  #restUntil = 0;
  #lastError: CountersignError | undefined;
  /** How often a chain was found that cannot go on, and why the last could not. */
  #deaths = 0;
  #lastDeath: CountersignError | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = 0;
  /** Ends the rest before the next try, while there is one. */
  #wake: (() => void) | undefined;
  #ended = false;
  /** After how many milliseconds what is recorded at this moment is flushed in its own context. */
  #held = Number.POSITIVE_INFINITY;

  constructor(work: FlushWork, pace: Pace, events: FlushEvents) {
    this.#work = work;
    this.#pace = pace;
    this.#events = events;
  }

  /** Milliseconds until the next try, after a failure. */
  get retryInMs(): number | undefined {
    return this.#lastError !== undefined && this.#timer !== undefined ? Math.max(0, this.#due - clock()) : undefined;
  }

  /** Flushes all events up to that number, and goes on so many milliseconds after a failure. */
  async flush(number: number, patience: number): Promise<void> {
    if (patience === 0 && clock() < this.#notBefore && (!this.isRunning || this.#wake !== undefined)) {
      throw this.#lastError;
    }
    const until = clock() + patience;
    if (this.#pace.lifetime !== undefined) {
      return this.#inTurn(number, until, this.#pace.lifetime);
    }
    const { promise: waiting, resolve, reject } = deferred();
    const waiter: Waiter = { number, until, resolve, reject };
    this.#waiters.push(waiter);
    this.#wake?.();
    this.#start();
    if (patience === 0) {
      return waiting;
    }
    return within(patience, waiting, () => {
      this.#waiters = this.#waiters.filter((one) => one !== waiter);
      return this.#lastError ?? late();
    });
  }

  /** Tells those whose events came, though the flush goes on with others. */
  #progressed(): void {
    this.#settle(() => undefined);
  }

  /**
   * Flushes after so many milliseconds at the latest, unless a failed flush is to be tried again anyway. With `isAwaited`
   * the program does not end before.
   */
  soon(milliseconds: number, isAwaited = false): void {
    const { hold } = this.#pace;
    if (hold !== undefined) {
      this.#flushHere(hold, milliseconds);
      return;
    }
    if (this.#ended || this.#failures > 0) {
      return;
    }
    this.#schedule(milliseconds, isAwaited);
  }

  /** Each context looks after what it records itself: another, and the timers of another, may end before. */
  #flushHere(hold: Hold, milliseconds: number): void {
    if (milliseconds >= this.#held) {
      return;
    }
    this.#held = milliseconds;
    queueMicrotask(() => {
      this.#held = Number.POSITIVE_INFINITY;
    });
    const flush = () => this.#inTurn(this.#work.newest, clock() + PATIENCE, this.#pace.lifetime ?? 0, false);
    // Whoever is to be told of a failure was.
    hold(
      sleep(milliseconds)
        .then(flush)
        .catch(() => {}),
    );
  }

  /** Nothing begins by itself any more. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #schedule(milliseconds: number, isAwaited = false): void {
    const due = clock() + milliseconds;
    if (this.#timer !== undefined && this.#due <= due) {
      if (isAwaited) {
        ref(this.#timer);
      }
      return;
    }
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#start();
    }, milliseconds);
    if (!isAwaited) {
      unref(this.#timer);
    }
  }

  #start(): void {
    const { lifetime } = this.#pace;
    if (lifetime === undefined && this.isRunning) {
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (lifetime === undefined) {
      void this.#run();
    } else {
      this.#inTurn(Number.MAX_SAFE_INTEGER, clock(), lifetime, false).catch(() => {});
    }
  }

  async #run(): Promise<void> {
    this.isRunning = true;
    let asked = this.#waiters.length > 0;
    try {
      do {
        const failed = await this.#attempt(() => true, asked);
        const again = failed === undefined ? 0 : this.#tell(failed);
        asked = again > 0 ? await this.#rest(again) : this.#waiters.length > 0;
        if (failed !== undefined && again > 0 && this.#waiters.length === 0) {
          const left = this.#failures > 0 ? this.#restUntil - clock() : (this.#work.retryInMs ?? 0);
          this.#scheduleAfter({ ...failed, wait: Math.max(0, left) });
        }
      } while (this.#waiters.length > 0);
    } finally {
      this.isRunning = false;
    }
    this.#events.ended();
  }

  /** Works in this context when it is its turn, until all events up to that number are delivered. */
  async #inTurn(number: number, until: number, lifetime: number, asked = true): Promise<void> {
    const isPatient = until > clock();
    const deaths = this.#deaths;
    let isAsked = asked;
    for (let look = LOOK; ; look = Math.min(2 * look, PAUSE)) {
      if (!this.#work.owes(number)) {
        // What is owed no more need not have come.
        if (deaths !== this.#deaths && asked) {
          throw this.#lastDeath;
        }
        return;
      }
      const now = clock();
      const isFree = !this.isRunning || now - this.#seen >= lifetime;
      if (isFree && (!isPatient || now >= this.#restUntil)) {
        const turn = this.#turn(isAsked);
        isAsked = asked && !isPatient;
        const failed = await (isPatient ? within(Math.max(0, until - now), turn, () => this.#leave(turn)) : turn);
        const isLast = clock() >= until || failed?.isDead === true;
        if (failed !== undefined) {
          this.#events.failed(failed.error, failed.isOld || (asked && isLast));
          this.#scheduleAfter(failed);
          if (isLast) {
            throw failed.error;
          }
        }
        look = LOOK;
      } else if (isPatient && now >= until) {
        throw this.#lastError ?? late();
      }
      if (this.#work.owes(number)) {
        await sleep(look);
      }
    }
  }

  /** Waits no longer for a turn, which goes on: what it fails with is told to nobody who waits. */
  #leave(turn: Promise<Failed | undefined>): CountersignError {
    void turn.then((failed) => {
      if (failed !== undefined) {
        this.#events.failed(failed.error, failed.isOld);
        this.#scheduleAfter(failed);
      }
    });
    return this.#lastError ?? late();
  }

  async #turn(asked: boolean): Promise<Failed | undefined> {
    const generation = ++this.#generation;
    const alive = () => {
      if (generation === this.#generation) {
        this.#seen = clock();
      }
      return generation === this.#generation;
    };
    this.isRunning = true;
    this.#seen = clock();
    try {
      return await this.#attempt(alive, asked);
    } finally {
      if (generation === this.#generation) {
        this.isRunning = false;
        this.#events.ended();
      }
    }
  }

  /** Works once. */
  async #attempt(alive: () => boolean, asked: boolean): Promise<Failed | undefined> {
    try {
      await this.#work.flush({ isAlive: alive, isAsked: asked, progressed: () => this.#progressed() });
    } catch (cause) {
      return alive() ? this.#failed(cause) : undefined;
    }
    if (alive()) {
      this.#failures = 0;
      this.#notBefore = 0;
      this.#restUntil = 0;
      this.#lastError = undefined;
      this.#events.succeeded();
      this.#progressed();
    }
    return undefined;
  }

  #failed(cause: unknown): Failed {
    const hint = "this is a defect of the package: report it";
    const thrown = cause instanceof Failure ? cause.error : cause;
    const error = coded(thrown, "recorder.failed", `a flush failed unexpectedly: ${thrown}`, hint);
    const retryAfter = cause instanceof Failure ? cause.retryAfter : undefined;
    this.#lastError = error;
    if (cause instanceof Failure && cause.isOfChain) {
      // The log server works: what else is recorded goes on at its pace.
      this.#failures = 0;
      this.#notBefore = 0;
      this.#restUntil = 0;
      const wait = this.#work.retryInMs ?? this.#pace.waits.longest;
      return { error, wait, isDead: false, isOld: cause.scope === "waiting" };
    }
    this.#failures++;
    const wait = pause(this.#pace.waits, this.#failures, retryAfter);
    this.#notBefore = retryAfter === undefined ? 0 : clock() + Math.min(wait, retryAfter);
    // What cannot go on at all holds up nothing else.
    const isDead = cause instanceof Failure && cause.scope === "dead";
    this.#restUntil = isDead ? 0 : clock() + wait;
    if (isDead) {
      this.#deaths++;
      this.#lastDeath = error;
    }
    return { error, wait: isDead ? 0 : wait, isDead, isOld: false };
  }

  /** Tells whoever has no more patience, and gives how long to rest for those who have. */
  #tell(failed: Failed): number {
    const now = clock();
    const { error, isDead } = failed;
    const told = this.#settle((waiter) => (isDead || waiter.until <= now ? { error } : undefined), isDead);
    this.#events.failed(error, told || failed.isOld);
    const patient = Math.max(0, ...this.#waiters.map(({ until }) => until - now));
    if (patient > 0) {
      return Math.max(1, Math.min(failed.wait, patient));
    }
    this.#scheduleAfter(failed);
    return 0;
  }

  #scheduleAfter({ wait }: Failed): void {
    if (this.#pace.auto && this.#pace.hold === undefined && !this.#ended) {
      this.#schedule(wait);
    }
  }

  /**
   * Tells who waits: those whose events came, unless what is not owed any more may not have come, and those who are to
   * be told of an error. Gives whether any of these was.
   */
  #settle(fate: (waiter: Waiter) => { error: unknown } | undefined, isDead = false): boolean {
    const waiters = this.#waiters;
    this.#waiters = [];
    let some = false;
    for (const waiter of waiters) {
      if (!isDead && !this.#work.owes(waiter.number)) {
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

  /**
   * Waits before the next try, until somebody asks for a flush, but as long as the log server asked for in any case.
   * Whether somebody asked.
   */
  async #rest(milliseconds: number): Promise<boolean> {
    const until = clock() + milliseconds;
    let woken = false;
    const wake = new Promise<void>((resolve) => {
      this.#wake = () => {
        if (clock() >= this.#notBefore) {
          woken = true;
          resolve();
        }
      };
    });
    while (!woken && clock() < until) {
      await Promise.race([wake, sleep(Math.min(until - clock(), PAUSE))]);
    }
    this.#wake = undefined;
    return woken;
  }
}

function late(): CountersignError {
  return new CountersignError("log_server.timeout", "a flush was still under way when retryForMs was over", {
    hint: "does the signer, the log server or the transport hang? The flush goes on",
  });
}
