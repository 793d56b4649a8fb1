/** Runs one flush at a time. Callers that ask for one while it runs share it. */

import { Failure } from "../deliver/failure.js";
import { CountersignError, coded } from "../error.js";
import { deferred } from "../promises.js";
import { pause, ref, sleep, unref, type Waits, within } from "../timers.js";
import type { Hold } from "./lifecycle.js";

/** One attempt to deliver all waiting events. */
export interface FlushTurn {
  /** True while the attempt should continue; checked after each wait. */
  isAlive(): boolean;
  /** True if a caller asked for it, so that chains waiting after a failure are tried too, where allowed. */
  readonly isRequested: boolean;
  /** Resolves the callers whose events are delivered, while others still wait. */
  progressed(): void;
}

/** The work that a flush does. */
export interface FlushWork {
  /** Delivers all waiting events. Throws the reason if some are not delivered. */
  flush(turn: FlushTurn): Promise<void>;
  /** Milliseconds until a waiting chain is retried. */
  readonly retryInMs: number | undefined;
  /** The number of the last recorded event. */
  readonly newest: number;
  /** True if an event with a number up to this one is undelivered. */
  hasUndelivered(number: number): boolean;
}

/** Callbacks for the outcome of flushes. */
export interface FlushEvents {
  /** Called when a flush failed. `isHandled` is true if a caller received the error, or it was reported before. */
  failed(error: CountersignError, isHandled: boolean): void;
  /** Called when a flush succeeded. */
  succeeded(): void;
  /** Called when no flush is running; events recorded at the last moment wait for the next. */
  ended(): void;
}

/** Timing and retries of flushes. */
export interface Pace {
  /** True if failures are retried automatically. */
  auto: boolean;
  waits: Waits;
  /**
   * In runtimes where contexts end one by one, such as requests of a Worker: milliseconds without progress after which
   * a flush counts as dead. Each context then works alone when it is its turn and awaits no promise of another context.
   */
  lifetime: number | undefined;
  /** Keeps a context alive for automatic flushes, in these runtimes. */
  hold: Hold | undefined;
}

/** The error of a flush, and the time until the next. */
interface FlushFailure {
  readonly error: CountersignError;
  /** Milliseconds until the next flush. */
  readonly wait: number;
  /** True if events are lost for good, so that no caller may consider this flush successful. */
  readonly isDead: boolean;
  /** True if the error was reported before. */
  readonly isOld: boolean;
}

interface Waiter {
  readonly number: number;
  /** The time until which failures are retried. */
  readonly until: number;
  resolve(): void;
  reject(error: unknown): void;
}

/** Milliseconds after which a flush starts no new attempt in a context; `waitUntil` extends a context by 30 s. */
export const MAX_CONTEXT_MS = 20_000;

/** Longest wait between two checks, in milliseconds. */
const MAX_PAUSE_MS = 1_000;

/** Initial wait of a context between two checks for its turn, in milliseconds. */
const INITIAL_PAUSE_MS = 10;

/** Returns milliseconds of a monotonic clock. */
const clock = () => performance.now();

export class FlushScheduler {
  readonly #work: FlushWork;
  readonly #pace: Pace;
  readonly #events: FlushEvents;
  #waiters: Waiter[] = [];
  /** Counts flushes, so that one considered dead has no further effect. */
  #generation = 0;
  isRunning: boolean = false;
  #lastProgress = 0;
  #failures = 0;
  /** Earliest time of the next request, as demanded by the log server. */
  #notBefore = 0;
  /** Earliest time of the next retry for callers that can wait. */
  #restUntil = 0;
  #lastError: CountersignError | undefined;
  /** Number of dead chains found, and the reason for the last one. */
  #deaths = 0;
  #lastDeath: CountersignError | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #due = 0;
  /** Ends the wait before the next attempt, if there is one. */
  #wake: (() => void) | undefined;
  #ended = false;
  /** Milliseconds after which events recorded now are flushed in their own context. */
  #held = Number.POSITIVE_INFINITY;

  constructor(work: FlushWork, pace: Pace, events: FlushEvents) {
    this.#work = work;
    this.#pace = pace;
    this.#events = events;
  }

  /** Milliseconds until the next retry, after a failure. */
  get retryInMs(): number | undefined {
    return this.#lastError !== undefined && this.#timer !== undefined ? Math.max(0, this.#due - clock()) : undefined;
  }

  /** Flushes all events up to this number, retrying failures for `patience` milliseconds. */
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

  /** Resolves callers whose events are delivered, while the flush continues. */
  #progressed(): void {
    this.#settle(() => undefined);
  }

  /**
   * Schedules a flush within this many milliseconds, unless a retry is already scheduled. With `isAwaited`, the program
   * stays alive until then.
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

  /** Flushes in the calling context, because other contexts and their timers may end earlier. */
  #flushHere(hold: Hold, milliseconds: number): void {
    if (milliseconds >= this.#held) {
      return;
    }
    this.#held = milliseconds;
    queueMicrotask(() => {
      this.#held = Number.POSITIVE_INFINITY;
    });
    const flush = () => this.#inTurn(this.#work.newest, clock() + MAX_CONTEXT_MS, this.#pace.lifetime ?? 0, false);
    // Failures were already reported.
    hold(
      sleep(milliseconds)
        .then(flush)
        .catch(() => {}),
    );
  }

  /** Stops automatic flushes. */
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
    let isRequested = this.#waiters.length > 0;
    try {
      do {
        const failed = await this.#attempt(() => true, isRequested);
        const again = failed === undefined ? 0 : this.#reportFailure(failed);
        isRequested = again > 0 ? await this.#rest(again) : this.#waiters.length > 0;
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

  /** Flushes in this context, when it is its turn, until all events up to this number are delivered. */
  async #inTurn(number: number, until: number, lifetime: number, isRequested = true): Promise<void> {
    const isPatient = until > clock();
    const deaths = this.#deaths;
    let includesWaiting = isRequested;
    for (let pauseMs = INITIAL_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, MAX_PAUSE_MS)) {
      if (!this.#work.hasUndelivered(number)) {
        // Events may be settled without being delivered.
        if (deaths !== this.#deaths && isRequested) {
          throw this.#lastDeath;
        }
        return;
      }
      const now = clock();
      const isFree = !this.isRunning || now - this.#lastProgress >= lifetime;
      if (isFree && (!isPatient || now >= this.#restUntil)) {
        const turn = this.#turn(includesWaiting);
        includesWaiting = isRequested && !isPatient;
        const failed = await (isPatient ? within(Math.max(0, until - now), turn, () => this.#leave(turn)) : turn);
        const isLast = clock() >= until || failed?.isDead === true;
        if (failed !== undefined) {
          this.#events.failed(failed.error, failed.isOld || (isRequested && isLast));
          this.#scheduleAfter(failed);
          if (isLast) {
            throw failed.error;
          }
        }
        pauseMs = INITIAL_PAUSE_MS;
      } else if (isPatient && now >= until) {
        throw this.#lastError ?? late();
      }
      if (this.#work.hasUndelivered(number)) {
        await sleep(pauseMs);
      }
    }
  }

  /** Stops waiting for a turn, which continues. Its failure is reported as a background error. */
  #leave(turn: Promise<FlushFailure | undefined>): CountersignError {
    void turn.then((failed) => {
      if (failed !== undefined) {
        this.#events.failed(failed.error, failed.isOld);
        this.#scheduleAfter(failed);
      }
    });
    return this.#lastError ?? late();
  }

  async #turn(isRequested: boolean): Promise<FlushFailure | undefined> {
    const generation = ++this.#generation;
    const alive = () => {
      if (generation === this.#generation) {
        this.#lastProgress = clock();
      }
      return generation === this.#generation;
    };
    this.isRunning = true;
    this.#lastProgress = clock();
    try {
      return await this.#attempt(alive, isRequested);
    } finally {
      if (generation === this.#generation) {
        this.isRunning = false;
        this.#events.ended();
      }
    }
  }

  /** Makes one attempt. */
  async #attempt(alive: () => boolean, isRequested: boolean): Promise<FlushFailure | undefined> {
    try {
      await this.#work.flush({ isAlive: alive, isRequested, progressed: () => this.#progressed() });
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

  #failed(cause: unknown): FlushFailure {
    const hint = "report this as a bug";
    const thrown = cause instanceof Failure ? cause.error : cause;
    const error = coded(thrown, "recorder.failed", `a flush failed unexpectedly: ${thrown}`, hint);
    const retryAfter = cause instanceof Failure ? cause.retryAfter : undefined;
    this.#lastError = error;
    if (cause instanceof Failure && cause.isOfChain) {
      // The log server works, so other chains continue at their pace.
      this.#failures = 0;
      this.#notBefore = 0;
      this.#restUntil = 0;
      const wait = this.#work.retryInMs ?? this.#pace.waits.longest;
      return { error, wait, isDead: false, isOld: cause.scope === "waiting" };
    }
    this.#failures++;
    const wait = pause(this.#pace.waits, this.#failures, retryAfter);
    this.#notBefore = retryAfter === undefined ? 0 : clock() + Math.min(wait, retryAfter);
    // A dead chain doesn't block others.
    const isDead = cause instanceof Failure && cause.scope === "dead";
    this.#restUntil = isDead ? 0 : clock() + wait;
    if (isDead) {
      this.#deaths++;
      this.#lastDeath = error;
    }
    return { error, wait: isDead ? 0 : wait, isDead, isOld: false };
  }

  /**
   * Rejects callers that can't wait any longer. Returns the milliseconds to wait for the others, or 0 if there are
   * none.
   */
  #reportFailure(failed: FlushFailure): number {
    const now = clock();
    const { error, isDead } = failed;
    const wasReceived = this.#settle((waiter) => (isDead || waiter.until <= now ? { error } : undefined), isDead);
    this.#events.failed(error, wasReceived || failed.isOld);
    const patient = Math.max(0, ...this.#waiters.map(({ until }) => until - now));
    if (patient > 0) {
      return Math.max(1, Math.min(failed.wait, patient));
    }
    this.#scheduleAfter(failed);
    return 0;
  }

  #scheduleAfter({ wait }: FlushFailure): void {
    if (this.#pace.auto && this.#pace.hold === undefined && !this.#ended) {
      this.#schedule(wait);
    }
  }

  /**
   * Settles callers: resolves those whose events are delivered (unless `isDead`, because settled events may be lost),
   * and rejects those for which `fate` returns an error. Returns true if it rejected any.
   */
  #settle(fate: (waiter: Waiter) => { error: unknown } | undefined, isDead = false): boolean {
    const waiters = this.#waiters;
    this.#waiters = [];
    let some = false;
    for (const waiter of waiters) {
      if (!isDead && !this.#work.hasUndelivered(waiter.number)) {
        waiter.resolve();
        continue;
      }
      const failure = fate(waiter);
      if (failure === undefined) {
        this.#waiters.push(waiter);
      } else {
        waiter.reject(failure.error);
        some = true;
      }
    }
    return some;
  }

  /**
   * Waits before the next attempt until a caller asks for a flush, but at least as long as the log server demanded.
   * Returns true if a caller asked.
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
      await Promise.race([wake, sleep(Math.min(until - clock(), MAX_PAUSE_MS))]);
    }
    this.#wake = undefined;
    return woken;
  }
}

function late(): CountersignError {
  return new CountersignError("log_server.timeout", "the flush did not finish within `retryForMs`", {
    hint: "check the signer, the log server, and the transport; the flush continues in the background",
  });
}
