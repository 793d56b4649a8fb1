/** The rows of a list that are in view, and their position. */

import type { LitElement, ReactiveController } from "lit";
import { ScrollMap } from "./scroll.js";

/** Rows rendered beyond the view: in scrolling direction, and behind. */
const ROWS_AHEAD = 7;
const ROWS_BEHIND = 2;
/** Milliseconds without scrolling after which the scroller's own position is corrected. */
const REST_MS = 150;
/** Milliseconds for which old rows stay after a jump. Then placeholders are shown. */
const HOLD_MS = 250;
/** Number of jump targets remembered. Rows read for an earlier one are still useful. */
const MAX_TARGETS = 8;

/** A scroller whose rows all have the same height, so that rows needn't be measured. */
export class Viewport implements ReactiveController {
  readonly #host: LitElement;
  readonly #resized = new ResizeObserver(() => this.#measure());
  #scroller: HTMLElement | undefined;
  #body: HTMLElement | undefined;
  #size = 0;
  /** Direction of the last scrolling. */
  way: 1 | -1 = 1;
  #drawnFirst = 0;
  #rowHeight = 36;
  #viewHeight = 0;
  #map = new ScrollMap(0);
  /** Position in the list where the view begins, in pixels. */
  #offset = 0;
  /** Position where the rendered rows begin. After a jump, old rows stay until those at the target are read. */
  #shown = 0;
  /** Jump targets since then; the newest is last. */
  #targets: number[] = [];
  #hold: ReturnType<typeof setTimeout> | undefined;
  /** True if only the rows in view are rendered; those around them follow after the first paint. */
  #isNew = false;
  /** Position of the scroller, as last read or set. */
  #top = 0;
  #rest: ReturnType<typeof setTimeout> | undefined;

  /** `host` renders on request, and shows the sides on which columns continue. */
  constructor(host: LitElement) {
    this.#host = host;
    host.addController(this);
  }

  /** First row in view. */
  get first(): number {
    return this.#rowAt(this.#offset);
  }

  /** Number of rows that fit into the view, including partial ones. */
  get count(): number {
    return Math.ceil(this.#viewHeight / this.#rowHeight) + 1;
  }

  /** Number of rows that Page Up and Page Down move. */
  get page(): number {
    return Math.max(1, Math.floor(this.#viewHeight / this.#rowHeight) - 1);
  }

  /** True at the start of the list, where new rows are shown at once. */
  get isAtBegin(): boolean {
    return this.#offset === 0;
  }

  /**
   * Sets the number of rows. `shift` new rows were inserted before those in view; undefined if all rows are replaced.
   */
  resize(size: number, shift: number | undefined): void {
    const offset = shift === undefined || this.isAtBegin ? 0 : this.#offset + shift * this.#rowHeight;
    this.#size = size;
    this.#isNew = shift === undefined;
    this.#map = new ScrollMap(size * this.#rowHeight, this.#viewHeight);
    this.#offset = this.#map.clamp(offset);
    this.#show(this.#offset);
    void this.#host.updateComplete.then(() => this.#place());
  }

  /** Scrolls a row into view. */
  reveal(row: number): void {
    const begin = row * this.#rowHeight;
    const end = begin + this.#rowHeight;
    if (begin < this.#offset) {
      this.#moveTo(begin);
    } else if (end > this.#offset + this.#viewHeight) {
      // Before the first measurement, the height of the view is 0.
      this.#moveTo(Math.min(begin, end - this.#viewHeight));
    }
  }

  /** Rows to read, as `[first, last)`, because they will be rendered next. */
  get wanted(): readonly [first: number, last: number] {
    return this.#around(this.#offset);
  }

  /** Returns the rows to render. `areRead` returns true if all rows in `[first, last)` were read. */
  rows(areRead: (first: number, last: number) => boolean): number[] {
    this.#follow(areRead);
    const [first, last] = this.#isNew ? this.#within(this.#shown) : this.#around(this.#shown);
    this.#drawnFirst = first;
    return Array.from({ length: Math.max(0, last - first) }, (_, place) => first + place);
  }

  hostConnected(): void {
    this.#host.requestUpdate();
  }

  /** Positions the rendered rows. */
  hostUpdated(): void {
    const scroller = this.#host.querySelector<HTMLElement>(":scope > .edges > .scroller");
    const body = scroller?.querySelector<HTMLElement>(":scope > .body");
    const drawn = body?.querySelector<HTMLElement>(":scope > .window");
    if (!scroller || !body || !drawn) {
      return;
    }
    body.style.height = `${this.#map.height}px`;
    // Set by `top` instead of a transform: rows that stay needn't be painted again.
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

  hostDisconnected(): void {
    this.#resized.disconnect();
    this.#scroller = undefined;
    clearTimeout(this.#rest);
    this.#show(this.#offset);
  }

  /** Shows the sides on which columns continue. */
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
    this.#moved();
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => this.#place(), REST_MS);
  };

  /** Element with the height of a row. */
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
    this.#moved();
    void this.#host.updateComplete.then(() => this.#place());
  }

  /** Handles a new position of the view. */
  #moved(): void {
    this.#targets = [...this.#targets, this.#offset].slice(-MAX_TARGETS);
    this.#host.requestUpdate();
  }

  /** Shows the current position, or the newest jump target whose rows were read. */
  #follow(areRead: (first: number, last: number) => boolean): void {
    const read = this.#targets.findLast((offset) => {
      const first = this.#rowAt(offset);
      return areRead(first, first + this.count);
    });
    if (read !== undefined) {
      this.#show(read);
    }
    // If some rows stay in view, the others can be read in place.
    if (Math.abs(this.#offset - this.#shown) < this.#viewHeight || this.#viewHeight === 0) {
      this.#show(this.#offset);
    } else {
      this.#hold ??= setTimeout(() => {
        this.#show(this.#offset);
        this.#host.requestUpdate();
      }, HOLD_MS);
    }
  }

  #show(offset: number): void {
    clearTimeout(this.#hold);
    this.#hold = undefined;
    this.#shown = offset;
    this.#targets = this.#targets.slice(this.#targets.lastIndexOf(offset) + 1);
  }

  #rowAt(offset: number): number {
    return Math.floor(offset / this.#rowHeight);
  }

  /** Returns the rows in view at a position. */
  #within(offset: number): readonly [first: number, last: number] {
    const first = this.#rowAt(offset);
    return [first, Math.min(this.#size, first + this.count)];
  }

  /** Returns those rows and the ones around them. */
  #around(offset: number): readonly [first: number, last: number] {
    const first = Math.max(0, this.#rowAt(offset) - (this.way > 0 ? ROWS_BEHIND : ROWS_AHEAD));
    return [first, Math.min(this.#size, first + this.count + ROWS_AHEAD + ROWS_BEHIND)];
  }

  /** Moves the scroller to the position in the list. */
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
