/** What an export holds beside its events, as much of it as a page can show. */

import type { ChainMark, CheckpointMark, Mark, NoteMark, SkipMark } from "@countersign/shared/verify.js";

/** What is kept of each kind: the first ones, and the newest one where there are more. */
export type Marks = Readonly<Omit<Ledger, "take">>;

/** How many of each kind are kept. Files can hold millions. */
const MOST = 20_000;

/** Where each kind is kept. */
const KEPT = { checkpoint: "checkpoints", note: "notes", open: "chains", close: "chains" } as const;

/** Takes marks in. */
export class Ledger {
  readonly checkpoints: CheckpointMark[] = [];
  readonly notes: NoteMark[] = [];
  /** Begins and ends of chains. */
  readonly chains: ChainMark[] = [];
  /** Leaves left out, adjacent ones as one. */
  readonly skips: SkipMark[] = [];
  /** How many events are withheld. */
  withheld = 0;
  /** How many marks are not kept here: more than anyone looks at. */
  unkept = 0;

  /** Keeps them. */
  take(marks: readonly Mark[]): void {
    for (const mark of marks) {
      if (mark.kind === "skip") {
        this.#skip(mark);
      } else if (mark.kind === "withheld") {
        this.withheld += 1;
      } else if (mark.kind !== "leaf") {
        this.#keep<Mark>(this[KEPT[mark.kind]], mark);
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

  #keep<M extends Mark>(kept: M[], mark: M): void {
    if (kept.length === MOST) {
      kept.pop();
      this.unkept += 1;
    }
    kept.push(mark);
  }
}
