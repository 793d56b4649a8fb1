/** Waiting. */

/** The most milliseconds that a timer takes; with more it would fire at once. */
export const LONGEST = 2 ** 31 - 1;

/** Waits so many milliseconds. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, Math.min(milliseconds, LONGEST));
  });
}

/** Waits for something so many milliseconds, and then fails with `late`. What was begun goes on. */
export async function within<T>(milliseconds: number, begun: PromiseLike<T>, late: () => unknown): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), Math.min(milliseconds, LONGEST));
  });
  try {
    return await Promise.race([begun, over]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits for something so many milliseconds at most, and tells whether it came. What was begun goes on. */
export function comesWithin(milliseconds: number, begun: PromiseLike<unknown>): Promise<boolean> {
  const late = Symbol("late");
  return within(
    milliseconds,
    begun.then(() => true),
    () => late,
  ).catch((error: unknown) => {
    if (error !== late) {
      throw error;
    }
    return false;
  });
}

/** Has a timer keep no program from ending. Only Node.js and those like it have timers that would. */
export function unref(timer: ReturnType<typeof setTimeout> | undefined): void {
  (timer as { unref?: () => void } | undefined)?.unref?.();
}
