/** Which entries rules found, and how serious that is. */

import { type FoundMarks, LEVELS, type Level } from "../../analyze/types.js";
import { firstFrom } from "../parts/ranges.js";

/** How serious the most serious finding that names an entry is; undefined where none does. */
export function levelOf(marks: FoundMarks | undefined, leaf: number): Level | undefined {
  const at = marks === undefined ? 0 : firstFrom(marks.entries, leaf);
  return marks?.entries[at] === leaf ? LEVELS[marks.levels[at] ?? 0] : undefined;
}

/** How many findings ended in each of so many stretches of time. */
export function counted(times: Float64Array, begin: number, step: number, bars: number): number[] {
  const counts = new Array<number>(bars).fill(0);
  for (const time of times) {
    const bar = Math.floor((time - begin) / step);
    if (bar >= 0 && bar < bars) {
      counts[bar] = (counts[bar] ?? 0) + 1;
    }
  }
  return counts;
}
