/** Options that there are not, which are mostly others misspelt. */

import { CountersignError, must } from "./error.js";
import { ownFields } from "./own.js";

/**
 * Returns a copy of the options that holds nothing but known ones that were given, so that reading it finds no field of
 * a polluted `Object.prototype`. Throws `options.invalid` for an unknown option and suggests the nearest name. `within`
 * is the option that has these.
 */
export function ownOptions<T extends object>(given: T, known: readonly string[], within?: string): T {
  must(
    Object(given) === given,
    within,
    "no options by their names",
    `give { ${known.join(", ")} }, as many as are needed`,
  );
  for (const name of Object.keys(given)) {
    if (!known.includes(name) && (given as Record<string, unknown>)[name] !== undefined) {
      const member = within === undefined ? name : `${within}.${name}`;
      const nearest = nearestOf(name, known);
      throw new CountersignError("options.invalid", `there is no option ${JSON.stringify(name.slice(0, 64))}`, {
        member,
        hint: nearest === undefined ? `there are ${known.join(", ")}` : `is it ${nearest}?`,
      });
    }
  }
  return ownFields(given, known);
}

/** Returns the name that differs in at most a third of its letters; units such as `Ms` don't count. */
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

/** How many letters are to be put in, taken out, changed, or swapped with the next. */
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
