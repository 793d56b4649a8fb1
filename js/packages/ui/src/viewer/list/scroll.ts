/**
 * Maps a list that is higher than a browser lets an element be onto a scroller that is not.
 *
 * Chromium clamps an element at some 33 million pixels, Firefox at 17: half a million rows. So the scroller is at most
 * `LIMIT` high. Near both ends it moves pixel by pixel with the list; the part between is compressed.
 */
export class ScrollMap {
  /** The height that the scroller's content is given. */
  readonly height: number;
  readonly #content: number;
  readonly #view: number;
  readonly #edge: number;
  readonly #ratio: number;

  /** `content` is the height of all rows, `view` that of the part seen, `limit` the greatest of an element: pixels. */
  constructor(content: number, view = 0, limit = LIMIT) {
    this.height = Math.min(content, limit);
    this.#content = content;
    this.#view = view;
    this.#edge = this.height / 8;
    this.#ratio = content > limit ? (content - 2 * this.#edge) / (this.height - 2 * this.#edge) : 1;
  }

  /** The place in the list for a place in the scroller. */
  toContent(top: number): number {
    if (this.#ratio === 1 || top <= this.#edge) return top;
    if (top >= this.height - this.#edge) return this.#content - (this.height - top);
    return this.#edge + (top - this.#edge) * this.#ratio;
  }

  /** The place in the scroller for a place in the list. */
  toScroller(offset: number): number {
    if (this.#ratio === 1 || offset <= this.#edge) return offset;
    if (offset >= this.#content - this.#edge) return this.height - (this.#content - offset);
    return this.#edge + (offset - this.#edge) / this.#ratio;
  }

  /** The nearest place at which a view of the list can begin. */
  clamp(offset: number): number {
    return Math.max(0, Math.min(offset, this.#content - this.#view));
  }

  /**
   * The place in the list after the scroller moved. Small moves, of a wheel or a finger, are followed pixel by pixel;
   * a large one, of the scroll bar, goes where the scroller is.
   */
  follow(offset: number, from: number, to: number): number {
    const atEnd = to <= 0 || to >= this.height - this.#view;
    const small = Math.abs(to - from) <= 2 * this.#view;
    return this.clamp(small && !atEnd ? offset + to - from : this.toContent(to));
  }
}

/** Half of what the strictest browser allows. */
const LIMIT = 8_000_000;
