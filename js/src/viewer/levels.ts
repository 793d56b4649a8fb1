/** Which entries rules found, and how serious that is. */

import { type FoundMarks, LEVELS, type Level } from "../analyze/types.js";

/** How serious the most serious finding that names an entry is; undefined where none does. */
export function levelOf(marks: FoundMarks | undefined, leaf: number): Level | undefined {
  const { leaves, levels } = marks ?? { leaves: NONE, levels: undefined };
  let [from, to] = [0, leaves.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((leaves[middle] ?? 0) < leaf) {
      from = middle + 1;
    } else {
      to = middle;
    }
  }
  return leaves[from] === leaf ? LEVELS[levels?.[from] ?? 0] : undefined;
}

const NONE = new Float64Array();

/** How many findings ended in each of so many stretches of time. */
export function counted({ times }: FoundMarks, begin: number, step: number, bars: number): number[] {
  const counts = new Array<number>(bars).fill(0);
  for (const time of times) {
    const bar = Math.floor((time - begin) / step);
    if (bar >= 0 && bar < bars) {
      counts[bar] = (counts[bar] ?? 0) + 1;
    }
  }
  return counts;
}
