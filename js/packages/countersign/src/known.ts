/** Rejects unknown options and suggests the nearest name. */

import { CountersignError, must } from "./error.js";
import { ownFields } from "./own.js";

/**
 * Returns a copy of the options with only their own known fields, so that a polluted `Object.prototype` has no effect.
 * Throws `options.invalid` for an unknown option and suggests the nearest name. `within` is the path of the options, if
 * they are nested.
 */
export function ownOptions<T extends object>(options: T, known: readonly string[], within?: string): T {
  must(
    Object(options) === options,
    within,
    within === undefined ? "options must be an object" : `\`${within}\` must be an object`,
    `pass any of { ${known.join(", ")} }`,
  );
  for (const name of Object.keys(options)) {
    if (!known.includes(name) && (options as Record<string, unknown>)[name] !== undefined) {
      const member = within === undefined ? name : `${within}.${name}`;
      const nearest = nearestOf(name, known);
      throw new CountersignError("options.invalid", `the option ${JSON.stringify(name.slice(0, 64))} is unknown`, {
        member,
        hint: nearest === undefined ? `use one of: ${known.join(", ")}` : `use ${nearest}`,
      });
    }
  }
  return ownFields(options, known);
}

/** Returns the nearest name within an edit distance of a third of its length. Units such as `Ms` don't count. */
export function nearestOf(name: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((one) => ({ one, distance: distance(withoutUnit(name.slice(0, 64)), withoutUnit(one)) }))
    .filter(({ one, distance }) => distance <= Math.max(1, Math.floor(one.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  return best?.one;
}

function withoutUnit(name: string): string {
  return name.toLowerCase().replace(/(ms|seconds|bytes)$/, "");
}

/** Returns the edit distance: insertions, deletions, substitutions, and swaps of adjacent letters. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const change = (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      const isSwap = i > 0 && j > 0 && a[i] === b[j - 1] && a[i - 1] === b[j];
      const swap = isSwap ? (before[j - 1] ?? 0) + 1 : Number.POSITIVE_INFINITY;
      next.push(Math.min(change, swap, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
