import { html, nothing, type TemplateResult } from "lit";
import { ref } from "lit/directives/ref.js";
import { count, counted, moment } from "../format.ts";
import { icon } from "../icons.ts";
import { optional, View, value, wish } from "../view.ts";
import { ScrollMap } from "./scroll.ts";
import { STANDINGS, type Standing } from "./standing.ts";
import type { EventStore, StoredEvent } from "./store.ts";
import { type Party, summarise } from "./summary.ts";

/** Rows that are drawn above and below what is seen. */
const OVERSCAN = 10;
/** How long scrolling must rest before the scroller's own place is put right, in milliseconds. */
const REST = 150;

const LOST = "The browser has lost these events. Verify the file again.";

/**
 * All verified events, of which only those in view are in the document.
 *
 * The grid keeps the focus and names the current row (`aria-activedescendant`), so that rows can come and go while
 * one scrolls.
 */
export class EventList extends View {
  #store: EventStore | undefined;
  #standing: (event: StoredEvent) => Standing = () => "unconfirmed";
  #current = 0;
  /** Whether the browser no longer has what it was given to keep. */
  #isLost = false;
  #scroller: HTMLElement | undefined;
  #rowHeight = 40;
  #viewHeight = 0;
  #map = new ScrollMap(0);
  /** Where in the list the view begins, in pixels. */
  #offset = 0;
  /** Where the scroller is, as it was last seen or put. */
  #top = 0;
  #rest: ReturnType<typeof setTimeout> | undefined;
  readonly #resized = new ResizeObserver(() => this.#measure());

  /** Shows other events, from the first one on. */
  show(store: EventStore, standing: (event: StoredEvent) => Standing): void {
    if (this.#store !== store) {
      this.#current = 0;
      this.#offset = 0;
      this.#isLost = false;
    }
    this.#store = store;
    this.#standing = standing;
    this.requestUpdate();
    void this.updateComplete.then(() => this.#measure());
  }

  /** Makes a row the current one and brings it into view. */
  goTo(row: number): void {
    const size = this.#store?.size ?? 0;
    if (size === 0) return;
    this.#current = Math.max(0, Math.min(size - 1, row));
    const begin = this.#current * this.#rowHeight;
    const end = begin + this.#rowHeight;
    if (begin < this.#offset) this.#moveTo(begin);
    else if (end > this.#offset + this.#viewHeight) this.#moveTo(end - this.#viewHeight);
    this.requestUpdate();
  }

  override focus(): void {
    this.#scroller?.focus();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resized.disconnect();
    clearTimeout(this.#rest);
  }

  protected override render(): TemplateResult | typeof nothing {
    const store = this.#store;
    if (store === undefined) return nothing;
    const first = this.#first;
    const shown = Math.ceil(this.#viewHeight / this.#rowHeight) + 2 * OVERSCAN;
    const last = Math.min(store.size, first + shown);
    const rows = Array.from({ length: Math.max(0, last - first) }, (_, place) => first + place);
    const missing = rows.filter((row) => store.readNow(row) === undefined);
    if (missing.length > 0 && !this.#isLost) void this.#load(store, missing);
    const current = this.#current >= first && this.#current < last ? `event-${this.#current}` : nothing;
    return html`
      <div class="grid-head" aria-hidden="true">
        <span>Time (UTC)</span><span>Action</span><span>Actor</span><span>Target</span><span>Outcome</span><span>Chain / seq</span>
      </div>
      <div
        class="grid"
        role="grid"
        tabindex="0"
        aria-label=${`${counted(store.size, "signed event")}, in the order of the export. Enter shows the details.`}
        aria-rowcount=${store.size}
        aria-colcount="6"
        aria-activedescendant=${current}
        ${ref((element) => this.#attach(element))}
        @scroll=${this.#scrolled}
        @keydown=${this.#key}
      >
        <div class="grid-probe" aria-hidden="true" role="presentation"></div>
        <div class="grid-rows" role="rowgroup">
          ${rows.map((row) => this.#row(row, store.readNow(row)))}
        </div>
      </div>
    `;
  }

  protected override updated(): void {
    const rows = this.querySelector<HTMLElement>(".grid-rows");
    if (!rows || !this.#scroller || !this.#store) return;
    // The policy of the page forbids style attributes, not this.
    rows.style.height = `${this.#map.height}px`;
    rows.style.setProperty("--shift", `${this.#top + this.#first * this.#rowHeight - this.#offset}px`);
    for (const [place, row] of [...rows.children].entries()) {
      (row as HTMLElement).style.top = `${place * this.#rowHeight}px`;
    }
  }

  /** The first row that is drawn. */
  get #first(): number {
    return Math.max(0, Math.floor(this.#offset / this.#rowHeight) - OVERSCAN);
  }

  #row(row: number, event: StoredEvent | undefined): TemplateResult {
    const selected = row === this.#current;
    return html`
      <div
        class="row ${selected ? "current" : ""}"
        role="row"
        id="event-${row}"
        aria-rowindex=${row + 1}
        aria-selected=${selected}
        @click=${() => this.#open(row)}
      >
        ${event === undefined ? html`<span role="gridcell" class="faint">${this.#isLost ? LOST : "Reading…"}</span>` : this.#cells(event)}
      </div>
    `;
  }

  #cells(event: StoredEvent): TemplateResult {
    const summary = summarise(event.text);
    const standing = this.#standing(event);
    const doubt = STANDINGS[standing];
    const known = summary.action ?? summary.actor ?? summary.target ?? summary.outcome;
    return html`
      <span role="gridcell" class="cell-time"><time datetime=${event.time}>${moment(event.time)}</time></span>
      ${
        known === undefined
          ? html`<span role="gridcell" class="cell-raw" aria-colspan="4"><code>${value(event.text)}</code></span>`
          : html`
            <span role="gridcell" class="cell-action">${optional(summary.action)}</span>
            <span role="gridcell" class="cell-actor">${party(summary.actor)}</span>
            <span role="gridcell" class="cell-target">${party(summary.target)}</span>
            <span role="gridcell" class="cell-outcome">${optional(summary.outcome)}</span>`
      }
      <span role="gridcell" class="cell-place">
        ${standing === "trusted" ? nothing : html`<span class="state tone-${doubt.tone}" title=${doubt.why}>${icon(doubt.icon)}<span class="sr">${doubt.word}</span></span>`}
        <code title=${event.chain}>${event.chain.slice(0, 8)}</code> / ${count(event.seq)}
      </span>
    `;
  }

  #open(row: number): void {
    this.#current = row;
    this.requestUpdate();
    this.dispatchEvent(wish("show-event", row));
  }

  async #load(store: EventStore, rows: readonly number[]): Promise<void> {
    const read = await Promise.allSettled(rows.map((row) => store.read(row)));
    if (this.#store !== store) return;
    this.#isLost = read.some(({ status }) => status === "rejected");
    this.requestUpdate();
  }

  #attach(element: Element | undefined): void {
    if (!(element instanceof HTMLElement) || this.#scroller === element) return;
    this.#scroller = element;
    this.#resized.disconnect();
    this.#resized.observe(element);
    const probe = element.querySelector(".grid-probe");
    if (probe) this.#resized.observe(probe);
  }

  #measure(): void {
    const scroller = this.#scroller;
    const probe = scroller?.querySelector<HTMLElement>(".grid-probe");
    if (!scroller || !probe || !this.#store) return;
    const firstRow = this.#offset / this.#rowHeight;
    this.#rowHeight = probe.offsetHeight || this.#rowHeight;
    this.#viewHeight = scroller.clientHeight;
    this.#map = new ScrollMap(this.#store.size * this.#rowHeight, this.#viewHeight);
    this.#moveTo(firstRow * this.#rowHeight);
  }

  #moveTo(offset: number): void {
    this.#offset = this.#map.clamp(offset);
    this.requestUpdate();
    void this.updateComplete.then(() => this.#place());
  }

  /** Puts the scroller where the list is. */
  #place(): void {
    if (!this.#scroller) return;
    this.#scroller.scrollTop = this.#map.toScroller(this.#offset);
    if (this.#scroller.scrollTop === this.#top) return;
    this.#top = this.#scroller.scrollTop;
    this.requestUpdate();
  }

  readonly #scrolled = (): void => {
    const top = this.#scroller?.scrollTop ?? 0;
    if (top === this.#top) return;
    this.#offset = this.#map.follow(this.#offset, this.#top, top);
    this.#top = top;
    this.requestUpdate();
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => this.#place(), REST);
  };

  readonly #key = (event: KeyboardEvent): void => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(this.#viewHeight / this.#rowHeight) - 1);
    const moves: Record<string, number> = {
      ArrowDown: this.#current + 1,
      ArrowUp: this.#current - 1,
      PageDown: this.#current + page,
      PageUp: this.#current - page,
      Home: 0,
      End: Number.MAX_SAFE_INTEGER,
    };
    const to = moves[event.key];
    if (to !== undefined) this.goTo(to);
    else if (event.key === "Enter" || event.key === " ") this.#open(this.#current);
    else return;
    event.preventDefault();
  };
}

function party(of: Party | undefined): TemplateResult | typeof nothing {
  if (of === undefined) return nothing;
  return of.name === undefined
    ? value(of.id)
    : html`${value(of.name)} <span class="faint">${value(of.id)}</span>`;
}
