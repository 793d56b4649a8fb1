/** Options that there are not, which are mostly others misspelt. */

import { CountersignError, must } from "./error.js";

/** Refuses what is no option, with the one that is most like it; `within` is the option that these are of. */
export function refuseUnknown(given: object, known: readonly string[], within?: string): void {
  must(
    Object(given) === given,
    within,
    "no options by their names",
    `give { ${known.join(", ")} }, as many as are needed`,
  );
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && !known.includes(name)) {
      const member = within === undefined ? name : `${within}.${name}`;
      const nearest = nearestOf(name, known);
      throw new CountersignError("options.invalid", `there is no option ${JSON.stringify(name.slice(0, 64))}`, {
        member,
        hint: nearest === undefined ? `there are ${known.join(", ")}` : `is it ${nearest}?`,
      });
    }
  }
}

/** The name that is at most a third other letters. */
function nearestOf(name: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((one) => ({ one, distance: distance(name.toLowerCase().slice(0, 64), one.toLowerCase()) }))
    .filter(({ one, distance }) => distance <= Math.max(1, Math.floor(one.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  return best?.one;
}

/** How many letters are to be put in, taken out or changed (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const change = (row[j] ?? 0) + (letter === b[j] ? 0 : 1);
      next.push(Math.min(change, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
