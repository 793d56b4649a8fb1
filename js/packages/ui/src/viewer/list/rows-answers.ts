/** Which answer's rows are shown, and which are read to be shown next. */

import type { EventIndex, Found } from "../../index/types.js";
import { RowPages } from "./rows-pages.js";
import type { Viewport } from "./rows-viewport.js";

/** Who has the rows. */
type Asked = Pick<EventIndex, "rows" | "rowOf">;

/** What is shown from now on. */
export interface Turn {
  readonly pages: RowPages | undefined;
  /** By how many rows what is in view has moved; undefined where it is another question's answer. */
  readonly shift: number | undefined;
  /** By how many rows the current one has moved. */
  readonly step: number;
}

/** An answer is told again as it goes on. The one before is shown until the next can be drawn. */
export class Answers {
  readonly #view: Pick<Viewport, "first" | "count" | "isAtBegin">;
  readonly #current: () => number;
  readonly #told: () => void;
  #index: Asked | undefined;
  /** Whose values are read. */
  #fields: readonly string[] = [];
  #question: number | undefined;
  /** The newest answer, and the one that is shown or read. */
  #newest: Found | undefined;
  #found: Found | undefined;
  /** The rows that are shown. */
  pages: RowPages | undefined;
  #next: Turn | undefined;
  #isFollowing = false;
  /** Lines by the rows that they were found at: by the time that these are read, they can stand elsewhere again. */
  #sought: ReadonlyMap<number, number> = new Map();

  /** `current` gives the row that the reader is at; `told` is called whenever there may be something else to draw. */
  constructor(view: Pick<Viewport, "first" | "count" | "isAtBegin">, current: () => number, told: () => void) {
    this.#view = view;
    this.#current = current;
    this.#told = told;
  }

  /** Whether something else is about to be shown. */
  get isTurning(): boolean {
    return this.#next !== undefined;
  }

  /** Whether that is the answer to another question. */
  get isAsked(): boolean {
    return this.#next !== undefined && this.#next.shift === undefined;
  }

  /** Takes the newest answer, and says what is to be shown from now on where that is something else. */
  receive(index: Asked | undefined, found: Found | undefined, fields: readonly string[]): Turn | undefined {
    this.#newest = found;
    if (index === undefined || found === undefined) {
      const hadPages = this.pages !== undefined;
      this.#index = undefined;
      this.#next = undefined;
      this.pages = undefined;
      return hadPages ? { pages: undefined, shift: undefined, step: 0 } : undefined;
    }
    if (index !== this.#index || found.question !== this.#question) {
      this.#index = index;
      this.#question = found.question;
      this.#found = found;
      this.#fields = fields;
      this.#sought = new Map();
      const rows = fields.length === 0 ? found.first : undefined;
      this.#next = { pages: new RowPages(index, found.rows, fields, this.#told, rows), shift: undefined, step: 0 };
    } else if (fields.join("\n") !== this.#fields.join("\n") && this.pages !== undefined && this.#next === undefined) {
      this.#fields = fields;
      this.#next = { pages: this.pages.grown(this.pages.size, fields), shift: 0, step: 0 };
    }
    return this.#turn();
  }

  /** Goes on to what was told since, once the place is that of what is shown. */
  follow(): void {
    if (this.#index !== undefined && !this.isTurning && !this.#isFollowing && this.#newest !== this.#found) {
      void this.#follow(this.#index);
    }
  }

  /** Shows the next answer as soon as it can be drawn. */
  #turn(): Turn | undefined {
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

  /** The answer goes on. Rows may have come anywhere in it, so that what is looked at is found again by its line. */
  async #follow(index: Asked): Promise<void> {
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
    if (newest !== undefined && newest.question === this.#question && index === this.#index && !this.isTurning) {
      this.#found = newest;
      this.#sought = sought;
      const isStill = shift === 0 && step === 0;
      this.#next = {
        pages: isStill
          ? pages.grown(newest.rows, this.#fields)
          : new RowPages(index, newest.rows, this.#fields, this.#told),
        shift,
        step,
      };
    }
    this.#told();
  }
}
