import { Needle } from "./needle.js";
import { pieces } from "./pattern.js";

/** A pattern that values are held against, as bytes. Its time grows with the value's length times its own, no more. */
export class Glob {
  readonly #first: Needle;
  readonly #middle: readonly Needle[];
  readonly #last: Needle | undefined;

  constructor(pattern: string) {
    const [first = "", ...others] = pieces(pattern);
    const last = others.pop();
    this.#first = new Needle(first);
    this.#middle = others.filter((piece) => piece !== "").map((piece) => new Needle(piece));
    this.#last = last === undefined ? undefined : new Needle(last);
  }

  fits(bytes: Uint8Array, begin: number, end: number): boolean {
    let at = this.#first.endAt(bytes, begin, end);
    if (at < 0 || this.#last === undefined) {
      return at === end;
    }
    for (const needle of this.#middle) {
      const found = needle.find(bytes, at, end);
      if (found < 0) {
        return false;
      }
      at = needle.endAt(bytes, found, end);
    }
    return this.#last.isEmpty || this.#last.isLast(bytes, at, end);
  }
}
