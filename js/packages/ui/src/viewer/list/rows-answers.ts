/** The result whose rows are shown, and the next one to show. */

import type { EventIndex, SearchResult } from "../../index/types.js";
import { RowPages } from "./rows-pages.js";
import type { Viewport } from "./rows-viewport.js";

type RowSource = Pick<EventIndex, "rows" | "rowOf">;

/** A change of what is shown. */
export interface ViewChange {
  readonly pages: RowPages | undefined;
  /** Number of rows by which the view moved; undefined for the result of another query. */
  readonly shift: number | undefined;
  /** Number of rows by which the current row moved. */
  readonly step: number;
}

/** Follows a result as it is reported again. The previous one is shown until the next can be rendered. */
export class Answers {
  readonly #view: Pick<Viewport, "first" | "count" | "isAtBegin">;
  readonly #current: () => number;
  readonly #onChange: () => void;
  #index: RowSource | undefined;
  /** Fields whose values are read. */
  #fields: readonly string[] = [];
  #query: number | undefined;
  /** The newest result, and the one that is shown or being read. */
  #newest: SearchResult | undefined;
  #found: SearchResult | undefined;
  /** Rows that are shown. */
  pages: RowPages | undefined;
  #next: ViewChange | undefined;
  #isFollowing = false;
  /** Lines by the rows where they were found, because they may move again before those rows are read. */
  #sought: ReadonlyMap<number, number> = new Map();

  /** `current` returns the reader's row; `onChange` is called whenever there may be something to render. */
  constructor(view: Pick<Viewport, "first" | "count" | "isAtBegin">, current: () => number, onChange: () => void) {
    this.#view = view;
    this.#current = current;
    this.#onChange = onChange;
  }

  /** True if other rows are about to be shown. */
  get isTurning(): boolean {
    return this.#next !== undefined;
  }

  /** True if the result of another query is about to be shown. */
  get isNewQuery(): boolean {
    return this.#next !== undefined && this.#next.shift === undefined;
  }

  /** Accepts the newest result. Returns a change if something else is to be shown. */
  receive(
    index: RowSource | undefined,
    found: SearchResult | undefined,
    fields: readonly string[],
  ): ViewChange | undefined {
    this.#newest = found;
    if (index === undefined || found === undefined) {
      const hadPages = this.pages !== undefined;
      this.#index = undefined;
      this.#next = undefined;
      this.pages = undefined;
      return hadPages ? { pages: undefined, shift: undefined, step: 0 } : undefined;
    }
    if (index !== this.#index || found.query !== this.#query) {
      this.#index = index;
      this.#query = found.query;
      this.#found = found;
      this.#fields = fields;
      this.#sought = new Map();
      const rows = fields.length === 0 ? found.first : undefined;
      this.#next = { pages: new RowPages(index, found.rows, fields, this.#onChange, rows), shift: undefined, step: 0 };
    } else if (fields.join("\n") !== this.#fields.join("\n") && this.pages !== undefined && this.#next === undefined) {
      this.#fields = fields;
      this.#next = { pages: this.pages.resized(this.pages.size, fields), shift: 0, step: 0 };
    }
    return this.#turn();
  }

  /** Switches to the newest report of the result, after locating the shown rows in it. */
  follow(): void {
    if (this.#index !== undefined && !this.isTurning && !this.#isFollowing && this.#newest !== this.#found) {
      void this.#follow(this.#index);
    }
  }

  /** Switches to the next result as soon as it can be rendered. */
  #turn(): ViewChange | undefined {
    const next = this.#next;
    if (next?.pages === undefined) {
      return undefined;
    }
    const { first, count, isAtBegin } = this.#view;
    const from = next.shift === undefined || isAtBegin ? 0 : Math.max(0, first + next.shift);
    if (this.pages !== undefined && !next.pages.isLost && !next.pages.has(from, from + count)) {
      next.pages.want(from, from + count, 1);
      return undefined;
    }
    this.#next = undefined;
    this.pages = next.pages;
    return next;
  }

  /**
   * Prepares the next report of a result. Rows may have been inserted anywhere, so the shown ones are located by
   * their lines.
   */
  async #follow(index: RowSource): Promise<void> {
    const pages = this.pages;
    if (pages === undefined) {
      return;
    }
    this.#isFollowing = true;
    const { first, isAtBegin } = this.#view;
    const sought = new Map<number, number>();
    const moved = async (row: number) => {
      const line = this.#sought.get(row) ?? pages.get(row)?.line;
      const now = line === undefined ? undefined : await index.rowOf(line).catch(() => undefined);
      if (line !== undefined) {
        sought.set(now ?? row, line);
      }
      return (now ?? row) - row;
    };
    const [shift, step] = await Promise.all([isAtBegin ? 0 : moved(first), moved(this.#current())]);
    this.#isFollowing = false;
    const newest = this.#newest;
    if (newest !== undefined && newest.query === this.#query && index === this.#index && !this.isTurning) {
      this.#found = newest;
      this.#sought = sought;
      const isUnmoved = shift === 0 && step === 0;
      this.#next = {
        pages: isUnmoved
          ? pages.resized(newest.rows, this.#fields)
          : new RowPages(index, newest.rows, this.#fields, this.#onChange),
        shift,
        step,
      };
    }
    this.#onChange();
  }
}
