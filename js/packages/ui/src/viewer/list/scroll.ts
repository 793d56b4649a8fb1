/**
 * Maps a list that exceeds the maximum height of an element onto a scroller that doesn't.
 *
 * Chromium limits an element to some 33 million pixels, Firefox to 17 million: half a million rows. So the scroller
 * is at most `MAX_HEIGHT` high. Near both ends it moves pixel by pixel with the list; the part in between is
 * compressed.
 */
export class ScrollMap {
  /** Height of the scroller's content. */
  readonly height: number;
  readonly #content: number;
  readonly #view: number;
  readonly #edge: number;
  readonly #ratio: number;

  /** Arguments are in pixels: the height of all rows, the height of the view, and the maximum height of an element. */
  constructor(content: number, view = 0, limit = MAX_HEIGHT) {
    this.height = Math.min(content, limit);
    this.#content = content;
    this.#view = view;
    this.#edge = this.height / 8;
    this.#ratio = content > limit ? (content - 2 * this.#edge) / (this.height - 2 * this.#edge) : 1;
  }

  /** Returns the position in the list for one in the scroller. */
  toContent(top: number): number {
    if (this.#ratio === 1 || top <= this.#edge) return top;
    if (top >= this.height - this.#edge) return this.#content - (this.height - top);
    return this.#edge + (top - this.#edge) * this.#ratio;
  }

  /** Returns the position in the scroller for one in the list. */
  toScroller(offset: number): number {
    if (this.#ratio === 1 || offset <= this.#edge) return offset;
    if (offset >= this.#content - this.#edge) return this.height - (this.#content - offset);
    return this.#edge + (offset - this.#edge) / this.#ratio;
  }

  /** Returns the nearest position at which a view of the list can begin. */
  clamp(offset: number): number {
    return Math.max(0, Math.min(offset, this.#content - this.#view));
  }

  /**
   * Returns the position in the list after the scroller moved. Small moves, by wheel or finger, are followed pixel by
   * pixel; a large move, by the scroll bar, goes where the scroller is.
   */
  follow(offset: number, from: number, to: number): number {
    const atEnd = to <= 0 || to >= this.height - this.#view;
    const small = Math.abs(to - from) <= 2 * this.#view;
    return this.clamp(small && !atEnd ? offset + to - from : this.toContent(to));
  }
}

/** Half of what the strictest browser allows, in pixels. */
const MAX_HEIGHT = 8_000_000;
