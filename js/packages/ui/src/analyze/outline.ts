/** What of findings decides which of them concern some events, without their texts. */

import { firstFrom } from "../viewer/parts/ranges.js";

/** A finding, in a few numbers. */
interface Outlined {
  readonly rule: string;
  /** The entries that it was made from, ascending. */
  readonly entries: ArrayLike<number>;
}

/** The findings by their places in the order in which they are listed. */
export class Outline {
  readonly #findings: Outlined[] = [];

  add(finding: Outlined): void {
    this.#findings.push(finding);
  }

  /** The rule of the finding at a place. */
  rule(place: number): string {
    return this.#findings[place]?.rule ?? "";
  }

  /** Returns the places of the findings that name at least one of these entries, which are ascending. */
  places(entries: Float64Array): number[] {
    return this.#findings.flatMap(({ entries }, place) => (concerns(entries, entries) ? place : []));
  }
}

function concerns(entries: ArrayLike<number>, entries: Float64Array): boolean {
  for (let nth = 0; nth < entries.length; nth += 1) {
    const leaf = entries[nth] ?? -1;
    if (entries[firstFrom(entries, leaf)] === leaf) {
      return true;
    }
  }
  return false;
}
