/** Severity of the findings at each entry, and their number over time. */

import { type FindingMarks, LEVELS, type Level } from "../../analyze/types.js";
import { firstFrom } from "../parts/ranges.js";

/** Returns the highest severity of the findings that name an entry; undefined without findings. */
export function levelOf(marks: FindingMarks | undefined, index: number): Level | undefined {
  const at = marks === undefined ? 0 : firstFrom(marks.entries, index);
  return marks?.entries[at] === index ? LEVELS[marks.levels[at] ?? 0] : undefined;
}

/** Returns the number of findings that ended in each of `bars` periods. */
export function countPerBar(times: Float64Array, begin: number, step: number, bars: number): number[] {
  const counts = new Array<number>(bars).fill(0);
  for (const time of times) {
    const bar = Math.floor((time - begin) / step);
    if (bar >= 0 && bar < bars) {
      counts[bar] = (counts[bar] ?? 0) + 1;
    }
  }
  return counts;
}
