/** Findings without their text, to determine which of them concern given events. */

import { firstFrom } from "../viewer/parts/ranges.js";
import type { Level } from "./types.js";

/** A finding reduced to its rule, severity, and entries. */
interface FindingOutline {
  readonly rule: string;
  readonly level: Level;
  /** Entries the finding was made from, ascending. */
  readonly entries: ArrayLike<number>;
}

/** Outlines of the findings, in the order in which they are listed. */
export class Outline {
  readonly #findings: FindingOutline[] = [];

  add(finding: FindingOutline): void {
    this.#findings.push(finding);
  }

  /** Returns the rule of the finding at a position. */
  rule(place: number): string {
    return this.#findings[place]?.rule ?? "";
  }

  /** Returns the severity of the finding at a position. */
  level(place: number): Level {
    return this.#findings[place]?.level ?? "informational";
  }

  /** Returns the positions of the findings that name at least one of these entries, which are ascending. */
  places(entries: Float64Array): number[] {
    return this.#findings.flatMap((finding, place) => (concerns(finding.entries, entries) ? place : []));
  }
}

function concerns(named: ArrayLike<number>, entries: Float64Array): boolean {
  for (let nth = 0; nth < named.length; nth += 1) {
    const entry = named[nth] ?? -1;
    if (entries[firstFrom(entries, entry)] === entry) {
      return true;
    }
  }
  return false;
}
