/** Waiting. */

/** The most milliseconds that a timer takes; with more it would fire at once. */
export const LONGEST = 2 ** 31 - 1;

/** Waits so many milliseconds, and no longer where they are over. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    // Of a negative number Node.js warns on the console.
    setTimeout(resolve, Math.max(0, Math.min(milliseconds, LONGEST)));
  });
}

/** Waits for something so many milliseconds, and then goes on with what `late` gives. What was begun goes on. */
async function orLate<T, Late>(milliseconds: number, begun: PromiseLike<T>, late: () => Late | PromiseLike<Late>) {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.min(milliseconds, LONGEST));
  });
  try {
    return await Promise.race([begun, over.then(late)]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits for something so many milliseconds, and then fails with `late`. What was begun goes on. */
export function within<T>(milliseconds: number, begun: PromiseLike<T>, late: () => unknown): Promise<T> {
  return orLate<T, never>(milliseconds, begun, () => Promise.reject(late()));
}

/** Waits for something so many milliseconds at most, and tells whether it came. What was begun goes on. */
export function comesWithin(milliseconds: number, begun: PromiseLike<unknown>): Promise<boolean> {
  const came = begun.then(() => true);
  return orLate(milliseconds, came, () => false);
}

/** Has a timer keep no program from ending. Only Node.js and those like it have timers that would. */
export function unref(timer: ReturnType<typeof setTimeout> | undefined): void {
  (timer as { unref?: () => void } | undefined)?.unref?.();
}

/** Has a timer keep the program from ending, though `unref` said otherwise. */
export function ref(timer: ReturnType<typeof setTimeout> | undefined): void {
  (timer as { ref?: () => void } | undefined)?.ref?.();
}

/** How long to wait after failures. */
export interface Waits {
  /** After the first, in milliseconds. */
  readonly first: number;
  /** At most. */
  readonly longest: number;
}

/** A log server that asks for more patience than this is asked again anyway. */
const LONGEST_ASKED = 3_600_000;

/**
 * Milliseconds to wait after so many failures in a row: twice as long each time, half of it by chance so that many who
 * failed together do not come back together.
 */
export function pause({ first, longest }: Waits, failures: number, retryAfter = 0): number {
  const full = Math.min(longest, first * 2 ** Math.min(failures - 1, 20));
  const own = full / 2 + (full / 2) * Math.random();
  const asked = Math.min(retryAfter, LONGEST_ASKED);
  return Math.max(own, asked === 0 ? 0 : asked + own / 4);
}
