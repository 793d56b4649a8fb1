/** Timers, timeouts, and backoff. */

/** Maximum delay of a timer in milliseconds; with more, it would fire immediately. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/** Resolves after this many milliseconds. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    // Node.js warns about negative delays.
    setTimeout(resolve, Math.max(0, Math.min(milliseconds, MAX_TIMER_MS)));
  });
}

/** Waits for a promise up to this many milliseconds, then returns the result of `late`. The work itself continues. */
async function orLate<T, Late>(milliseconds: number, begun: PromiseLike<T>, late: () => Late | PromiseLike<Late>) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.min(milliseconds, MAX_TIMER_MS));
  });
  try {
    return await Promise.race([begun, over.then(late)]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits for a promise up to this many milliseconds, then rejects with `late`. The work itself continues. */
export function within<T>(milliseconds: number, begun: PromiseLike<T>, late: () => unknown): Promise<T> {
  return orLate<T, never>(milliseconds, begun, () => Promise.reject(late()));
}

/**
 * Waits for a promise up to this many milliseconds. Resolves to true if it settled in time. The work itself continues.
 */
export function settlesWithin(milliseconds: number, begun: PromiseLike<unknown>): Promise<boolean> {
  const came = begun.then(() => true);
  return orLate(milliseconds, came, () => false);
}

/** Lets the program exit while the timer is pending. Only Node.js and compatible runtimes need this. */
export function unref(timer: ReturnType<typeof setTimeout> | undefined): void {
  (timer as { unref?: () => void } | undefined)?.unref?.();
}

/** Keeps the program alive while the timer is pending, undoing `unref`. */
export function ref(timer: ReturnType<typeof setTimeout> | undefined): void {
  (timer as { ref?: () => void } | undefined)?.ref?.();
}

/** Exponential backoff after failures. */
export interface Waits {
  /** Delay after the first failure, in milliseconds. */
  readonly first: number;
  /** Maximum delay, in milliseconds. */
  readonly longest: number;
}

/** Longest wait accepted from a server, in milliseconds. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/**
 * Returns the milliseconds to wait after this many consecutive failures. The delay doubles each time; half of it is
 * random, so that clients which failed together don't return together.
 */
export function pause({ first, longest }: Waits, failures: number, retryAfter = 0): number {
  const full = Math.min(longest, first * 2 ** Math.min(failures - 1, 20));
  const own = full / 2 + (full / 2) * Math.random();
  const demanded = Math.min(retryAfter, MAX_RETRY_AFTER_MS);
  return Math.max(own, demanded === 0 ? 0 : demanded + own / 4);
}
