/** Which rows of a list are in view, and where they are drawn. */

import type { LitElement, ReactiveController } from "lit";
import { ScrollMap } from "./scroll.js";

/** Rows that are drawn beyond what is seen: where one scrolls to, and where one comes from. */
const AHEAD = 7;
const BEHIND = 2;
/** How long scrolling must rest before the scroller's own place is put right, in milliseconds. */
const REST = 150;
/** How long after a jump what was drawn may stay, in milliseconds. Then it is said that the rows there are still read. */
const HOLD = 250;
/** So many places that were jumped to are remembered: what is read of an earlier one is still of use. */
const PLACES = 8;

/** A scroller whose rows are all as high as each other, so that none is measured. */
export class Viewport implements ReactiveController {
  readonly #host: LitElement;
  readonly #resized = new ResizeObserver(() => this.#measure());
  #scroller: HTMLElement | undefined;
  #body: HTMLElement | undefined;
  #size = 0;
  /** Which way it was scrolled last. */
  way: 1 | -1 = 1;
  #drawnFirst = 0;
  #rowHeight = 36;
  #viewHeight = 0;
  #map = new ScrollMap(0);
  /** Where in the list the view begins, in pixels. */
  #offset = 0;
  /** Where what is drawn begins: after a jump rows stay as they stood until those that are jumped to were read. */
  #shown = 0;
  /** The places jumped to since then, the newest last. */
  #places: number[] = [];
  #hold: ReturnType<typeof setTimeout> | undefined;
  /** Whether only what is in view is drawn yet: rows beside it follow once that was painted. */
  #isNew = false;
  /** Where the scroller is, as it was last seen or put. */
  #top = 0;
  #rest: ReturnType<typeof setTimeout> | undefined;

  /** `host` draws anew whenever it is asked for an update, and shows on which sides columns go on. */
  constructor(host: LitElement) {
    this.#host = host;
    host.addController(this);
  }

  /** The row that the view begins with. */
  get first(): number {
    return this.#rowAt(this.#offset);
  }

  /** How many rows there is room for, parts of them too. */
  get count(): number {
    return Math.ceil(this.#viewHeight / this.#rowHeight) + 1;
  }

  /** How many rows a key moves that moves by what is in view. */
  get page(): number {
    return Math.max(1, Math.floor(this.#viewHeight / this.#rowHeight) - 1);
  }

  /** Whether it begins where the list does: new rows are let in there. */
  get isAtBegin(): boolean {
    return this.#offset === 0;
  }

  /** There are so many rows from now on, `shift` of them new before those in view; without it all are others. */
  resize(size: number, shift: number | undefined): void {
    const offset = shift === undefined || this.isAtBegin ? 0 : this.#offset + shift * this.#rowHeight;
    this.#size = size;
    this.#isNew = shift === undefined;
    this.#map = new ScrollMap(size * this.#rowHeight, this.#viewHeight);
    this.#offset = this.#map.clamp(offset);
    this.#show(this.#offset);
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

  /** The rows to read, from one to before another: those to draw as soon as they are read. */
  get wanted(): readonly [first: number, last: number] {
    return this.#around(this.#offset);
  }

  /** The rows to draw. `areRead` says whether those from one to before another were. */
  rows(areRead: (first: number, last: number) => boolean): number[] {
    this.#follow(areRead);
    const [first, last] = this.#isNew ? this.#within(this.#shown) : this.#around(this.#shown);
    this.#drawnFirst = first;
    return Array.from({ length: Math.max(0, last - first) }, (_, place) => first + place);
  }

  hostConnected(): void {
    this.#host.requestUpdate();
  }

  /** Puts what was drawn where it belongs. */
  hostUpdated(): void {
    const scroller = this.#host.querySelector<HTMLElement>(":scope > .edges > .scroller");
    const body = scroller?.querySelector<HTMLElement>(":scope > .body");
    const drawn = body?.querySelector<HTMLElement>(":scope > .window");
    if (!scroller || !body || !drawn) {
      return;
    }
    body.style.height = `${this.#map.height}px`;
    // Not moved by a transform: rows that stay where they are in the scroller need not be painted again.
    drawn.style.top = `${this.#top + this.#drawnFirst * this.#rowHeight - this.#shown}px`;
    if (this.#isNew) {
      this.#isNew = false;
      requestAnimationFrame(() => setTimeout(() => this.#host.requestUpdate()));
    }
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
  hostDisconnected(): void {
    this.#resized.disconnect();
    this.#scroller = undefined;
    clearTimeout(this.#rest);
    this.#show(this.#offset);
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
    this.#went();
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
    this.#show(this.#offset);
  }

  #moveTo(offset: number): void {
    this.#offset = this.#map.clamp(offset);
    this.#went();
    void this.#host.updateComplete.then(() => this.#place());
  }

  /** The view begins elsewhere. */
  #went(): void {
    this.#places = [...this.#places, this.#offset].slice(-PLACES);
    this.#host.requestUpdate();
  }

  /** Draws what is there now, or the newest place of those jumped to that can be. */
  #follow(areRead: (first: number, last: number) => boolean): void {
    const read = this.#places.findLast((offset) => {
      const first = this.#rowAt(offset);
      return areRead(first, first + this.count);
    });
    if (read !== undefined) {
      this.#show(read);
    }
    // Where rows stay in view, those beside them can be read there.
    if (Math.abs(this.#offset - this.#shown) < this.#viewHeight || this.#viewHeight === 0) {
      this.#show(this.#offset);
    } else {
      this.#hold ??= setTimeout(() => {
        this.#show(this.#offset);
        this.#host.requestUpdate();
      }, HOLD);
    }
  }

  #show(offset: number): void {
    clearTimeout(this.#hold);
    this.#hold = undefined;
    this.#shown = offset;
    this.#places = this.#places.slice(this.#places.lastIndexOf(offset) + 1);
  }

  #rowAt(offset: number): number {
    return Math.floor(offset / this.#rowHeight);
  }

  /** The rows in view where it begins there. */
  #within(offset: number): readonly [first: number, last: number] {
    const first = this.#rowAt(offset);
    return [first, Math.min(this.#size, first + this.count)];
  }

  /** The same, and those beside them. */
  #around(offset: number): readonly [first: number, last: number] {
    const first = Math.max(0, this.#rowAt(offset) - (this.way > 0 ? BEHIND : AHEAD));
    return [first, Math.min(this.#size, first + this.count + AHEAD + BEHIND)];
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
