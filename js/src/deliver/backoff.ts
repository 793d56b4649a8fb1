/** How long to wait before the next try. */

const FIRST = 500;
const LONGEST = 60_000;
/** A collector that asks for more patience than this is asked again anyway. */
const LONGEST_ASKED = 3_600_000;

/**
 * Milliseconds to wait after so many failures in a row: twice as long each time, half of it by chance so that many who
 * failed together do not come back together. `chance` is from 0 up to 1.
 */
export function pause(failures: number, retryAfter: number | undefined, chance: number): number {
  const full = Math.min(LONGEST, FIRST * 2 ** Math.min(failures - 1, 20));
  const own = full / 2 + (full / 2) * chance;
  const asked = Math.min(retryAfter ?? 0, LONGEST_ASKED);
  return Math.max(own, asked === 0 ? 0 : asked + own / 4);
}
