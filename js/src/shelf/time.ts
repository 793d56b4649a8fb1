/** Times as the core writes them, `2026-11-20T06:01:02.345Z`, and as numbers: milliseconds since 1970. */

import { malformed } from "./json.js";

const LENGTH = 24;
const DAY = 86_400_000;

/** Reads a time's 24 bytes. `Date` would take years before 100 for others. */
export function readTime(bytes: Uint8Array, begin: number, end: number): number {
  if (end - begin !== LENGTH) {
    throw malformed();
  }
  const two = (at: number) => digit(bytes, begin + at) * 10 + digit(bytes, begin + at + 1);
  const year = two(0) * 100 + two(2);
  const seconds = (two(11) * 60 + two(14)) * 60 + two(17);
  const thousandths = two(20) * 10 + digit(bytes, begin + 22);
  return days(year, two(5), two(8)) * DAY + seconds * 1000 + thousandths;
}

/** The time as it was written. */
export function writeTime(time: number): string {
  return new Date(time).toISOString();
}

function digit(bytes: Uint8Array, at: number): number {
  const value = (bytes[at] ?? 0) - 0x30;
  if (value < 0 || value > 9) {
    throw malformed();
  }
  return value;
}

/** Days since 1970 by the Gregorian calendar, counted from 1 March so that a leap day is a year's last. */
function days(year: number, month: number, day: number): number {
  const since = month > 2 ? year : year - 1;
  const ofYear = Math.floor((153 * (month > 2 ? month - 3 : month + 9) + 2) / 5) + day - 1;
  return 365 * since + Math.floor(since / 4) - Math.floor(since / 100) + Math.floor(since / 400) + ofYear - 719_468;
}
