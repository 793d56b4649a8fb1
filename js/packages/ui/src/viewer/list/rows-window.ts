/** Rows one after the other, of which those that leave the view on one side are used again on the other. */

import { noChange } from "lit";
import { type ChildPart, Directive, directive } from "lit/directive.js";
import { insertPart, removePart, setChildPartValue } from "lit/directive-helpers.js";

class RowsWindow extends Directive {
  /** Those in the document, in its order. */
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
    // After a jump all stay where they are: each would have to be drawn anew in any case.
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

/** Draws rows that are beside each other. */
export const rowsWindow = directive(RowsWindow);
