/** A directive for consecutive rows that reuses the elements of rows that leave the view. */

import { noChange } from "lit";
import { type ChildPart, Directive, directive } from "lit/directive.js";
import { insertPart, removePart, setChildPartValue } from "lit/directive-helpers.js";

class RowsWindow extends Directive {
  /** Parts in the document, in document order. */
  readonly #parts: ChildPart[] = [];
  #first = 0;

  render(rows: readonly number[], draw: (row: number) => unknown): unknown {
    return rows.map(draw);
  }

  override update(container: ChildPart, [rows, draw]: Parameters<this["render"]>): unknown {
    const parts = this.#parts;
    const [first = 0] = rows;
    let step = first - this.#first;
    this.#first = first;
    // After a jump every row is rendered again, so no element is moved.
    if (Math.abs(step) < parts.length) {
      for (; step > 0; step -= 1) {
        parts.push(insertPart(container, undefined, parts.shift()));
      }
      for (; step < 0; step += 1) {
        parts.unshift(insertPart(container, parts[0], parts.pop()));
      }
    }
    while (parts.length > rows.length) {
      removePart(parts.pop() as ChildPart);
    }
    rows.forEach((row, place) => {
      parts[place] ??= insertPart(container);
      setChildPartValue(parts[place], draw(row));
    });
    return noChange;
  }
}

/** Renders consecutive rows. */
export const rowsWindow = directive(RowsWindow);
