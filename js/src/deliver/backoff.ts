/** How long to wait before the next try. */

/** How long to wait after failures. */
export interface Waits {
  /** After the first, in milliseconds. */
  readonly first: number;
  /** At most. */
  readonly longest: number;
}

/** A collector that asks for more patience than this is asked again anyway. */
const LONGEST_ASKED = 3_600_000;

/**
 * Milliseconds to wait after so many failures in a row: twice as long each time, half of it by chance so that many who
 * failed together do not come back together. `chance` is from 0 up to 1.
 */
export function pause(
  { first, longest }: Waits,
  failures: number,
  retryAfter: number | undefined,
  chance: number,
): number {
  const full = Math.min(longest, first * 2 ** Math.min(failures - 1, 20));
  const own = full / 2 + (full / 2) * chance;
  const asked = Math.min(retryAfter ?? 0, LONGEST_ASKED);
  return Math.max(own, asked === 0 ? 0 : asked + own / 4);
}
