/** Which rows of a list are in view, and where they are drawn. */

import type { LitElement } from "lit";
import { ScrollMap } from "./scroll.js";

/** Rows that are drawn beyond what is seen: where one scrolls to, and where one comes from. */
const AHEAD = 7;
const BEHIND = 2;
/** How long scrolling must rest before the scroller's own place is put right, in milliseconds. */
const REST = 150;

/** A scroller whose rows are all as high as each other, so that none is measured. */
export class Viewport {
  readonly #host: LitElement;
  readonly #resized = new ResizeObserver(() => this.#measure());
  #scroller: HTMLElement | undefined;
  #body: HTMLElement | undefined;
  #size = 0;
  /** Which way it was scrolled last. */
  way: 1 | -1 = 1;
  /**
   * Rows so far apart have the same key, so that what leaves the view on one side is used again on the other. A jump
   * changes what the keys are counted from, so that all that is drawn stays where it is.
   */
  #ring = 1;
  #ringFrom = 0;
  #drawnFirst = 0;
  #drawn = 0;
  #rowHeight = 36;
  #viewHeight = 0;
  #map = new ScrollMap(0);
  /** Where in the list the view begins, in pixels. */
  #offset = 0;
  /** Where the scroller is, as it was last seen or put. */
  #top = 0;
  #rest: ReturnType<typeof setTimeout> | undefined;

  /** `host` draws anew whenever it is asked for an update, and shows on which sides columns go on. */
  constructor(host: LitElement) {
    this.#host = host;
  }

  /** The row that the view begins with. */
  get first(): number {
    return Math.floor(this.#offset / this.#rowHeight);
  }

  /** How many rows there is room for, parts of them too. */
  get count(): number {
    return Math.ceil(this.#viewHeight / this.#rowHeight) + 1;
  }

  /** How many rows a key moves that moves by what is in view. */
  get page(): number {
    return Math.max(1, Math.floor(this.#viewHeight / this.#rowHeight) - 1);
  }

  get isAtBegin(): boolean {
    return this.#offset === 0;
  }

  /** There are so many rows from now on, `shift` of them new before those in view; without it all are others. */
  resize(size: number, shift: number | undefined): void {
    const offset = shift === undefined || this.isAtBegin ? 0 : this.#offset + shift * this.#rowHeight;
    this.#size = size;
    this.#map = new ScrollMap(size * this.#rowHeight, this.#viewHeight);
    this.#offset = this.#map.clamp(offset);
    void this.#host.updateComplete.then(() => this.#place());
  }

  /** Brings a row into view. */
  reveal(row: number): void {
    const begin = row * this.#rowHeight;
    const end = begin + this.#rowHeight;
    if (begin < this.#offset) {
      this.#moveTo(begin);
    } else if (end > this.#offset + this.#viewHeight) {
      // Before anything was measured nothing is in view, the row's own begin neither.
      this.#moveTo(Math.min(begin, end - this.#viewHeight));
    }
  }

  /** The rows to draw. */
  rows(): number[] {
    const above = this.way > 0 ? BEHIND : AHEAD;
    const first = Math.max(0, this.first - above);
    this.#ring = this.count + AHEAD + BEHIND;
    const last = Math.min(this.#size, first + this.#ring);
    if (Math.abs(first - this.#drawnFirst) >= this.#drawn) {
      this.#ringFrom += first - this.#drawnFirst;
    }
    this.#drawnFirst = first;
    this.#drawn = Math.max(0, last - first);
    return Array.from({ length: this.#drawn }, (_, place) => first + place);
  }

  /** What a row's element is told apart from the others' by. */
  readonly keyOf = (row: number): number => (((row - this.#ringFrom) % this.#ring) + this.#ring) % this.#ring;

  /** Puts what was drawn where it belongs. */
  lay(scroller: HTMLElement, body: HTMLElement, drawn: HTMLElement): void {
    body.style.height = `${this.#map.height}px`;
    // Not moved by a transform: rows that stay where they are in the scroller need not be painted again.
    drawn.style.top = `${this.#top + this.#drawnFirst * this.#rowHeight - this.#offset}px`;
    if (this.#scroller !== scroller) {
      this.#scroller = scroller;
      this.#body = body;
      this.#resized.disconnect();
      this.#resized.observe(scroller);
      const probe = this.#probe;
      if (probe) {
        this.#resized.observe(probe);
      }
    }
  }

  /** Lets go of the page. */
  leave(): void {
    this.#resized.disconnect();
    this.#scroller = undefined;
    clearTimeout(this.#rest);
  }

  /** Shows on which sides columns go on. */
  showEdges(): void {
    const { scrollLeft = 0, scrollWidth = 0, clientWidth = 0 } = this.#scroller ?? {};
    const begin = Math.abs(scrollLeft);
    this.#host.toggleAttribute("more-before", begin > 1);
    this.#host.toggleAttribute("more-after", begin + clientWidth < scrollWidth - 1);
  }

  readonly scrolled = (): void => {
    const top = this.#scroller?.scrollTop ?? 0;
    if (top === this.#top) {
      this.showEdges();
      return;
    }
    this.way = top > this.#top ? 1 : -1;
    this.#offset = this.#map.follow(this.#offset, this.#top, top);
    this.#top = top;
    this.#host.requestUpdate();
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => this.#place(), REST);
  };

  /** As high as a row. */
  get #probe(): HTMLElement | null {
    return this.#scroller?.querySelector<HTMLElement>(":scope > .probe") ?? null;
  }

  #measure(): void {
    const probe = this.#probe;
    if (!this.#scroller || !probe || !this.#body) {
      return;
    }
    const firstRow = this.#offset / this.#rowHeight;
    this.#rowHeight = probe.offsetHeight || this.#rowHeight;
    this.#viewHeight = Math.max(0, this.#scroller.clientHeight - this.#body.offsetTop);
    this.#map = new ScrollMap(this.#size * this.#rowHeight, this.#viewHeight);
    this.showEdges();
    this.#moveTo(firstRow * this.#rowHeight);
  }

  #moveTo(offset: number): void {
    this.#offset = this.#map.clamp(offset);
    this.#host.requestUpdate();
    void this.#host.updateComplete.then(() => this.#place());
  }

  /** Puts the scroller where the list is. */
  #place(): void {
    const top = this.#map.toScroller(this.#offset);
    if (!this.#scroller || Math.abs(this.#top - top) < 1) {
      return;
    }
    this.#scroller.scrollTop = top;
    this.#top = this.#scroller.scrollTop;
    this.#host.requestUpdate();
  }
}
