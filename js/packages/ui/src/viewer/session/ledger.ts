/** The marks of an export other than its events, limited to what a page can show. */

import type { ChainMark, CheckpointMark, Mark, NoteMark, SkipMark } from "@countersign/shared/verify.js";

/** Marks by kind: the first ones, and the newest one if there are more. */
export type Marks = Readonly<Omit<Ledger, "add">>;

/** Maximum number of marks per kind. Files can contain millions. */
const MAX_MARKS = 20_000;

/** Property that keeps each kind. */
const LISTS = { checkpoint: "checkpoints", note: "notes", open: "chains", close: "chains" } as const;

/** Collects marks. */
export class Ledger {
  readonly checkpoints: CheckpointMark[] = [];
  readonly notes: NoteMark[] = [];
  /** Open and close links of chains. */
  readonly chains: ChainMark[] = [];
  /** Omitted entries; adjacent ones are merged. */
  readonly skips: SkipMark[] = [];
  /** Number of withheld events. */
  withheld = 0;
  /** Number of marks that were dropped. */
  dropped = 0;

  /** Adds marks. */
  add(marks: readonly Mark[]): void {
    for (const mark of marks) {
      if (mark.kind === "skip") {
        this.#skip(mark);
      } else if (mark.kind === "withheld") {
        this.withheld += 1;
      } else if (mark.kind !== "entry") {
        this.#keep<Mark>(this[LISTS[mark.kind]], mark);
      }
    }
  }

  #skip(mark: SkipMark): void {
    const last = this.skips.at(-1);
    if (last !== undefined && last.index + last.entries === mark.index) {
      this.skips[this.skips.length - 1] = { ...last, entries: last.entries + mark.entries };
    } else {
      this.#keep(this.skips, mark);
    }
  }

  #keep<M extends Mark>(list: M[], mark: M): void {
    if (list.length === MAX_MARKS) {
      list.pop();
      this.dropped += 1;
    }
    list.push(mark);
  }
}
