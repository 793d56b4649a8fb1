/** Waiting no longer than was agreed. */

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

/** What timers take. */
const LONGEST = 2 ** 31 - 1;
