import { html, nothing, type PropertyDeclarations, type PropertyValues, type TemplateResult } from "lit";
import { guard } from "lit/directives/guard.js";
import { repeat } from "lit/directives/repeat.js";
import type { EventRow, Found, GapRow, Row, Shelf } from "../shelf/types.js";
import type { WithheldMark } from "../verify/marks.js";
import { type ChosenColumn, DEFAULT_COLUMNS, isMember, least, longestRun, track, widthWithin } from "./columns.js";
import "./columns-chooser.js";
import type { ColumnsChooser } from "./columns-chooser.js";
import { icon } from "./icons.js";
import { type Cell, type Cells, cellsOf } from "./rows-cells.js";
import { RowPages } from "./rows-pages.js";
import { ScrollMap } from "./scroll.js";
import { STANDING_SIGNS, type Standing } from "./standing.js";
import type { Texts } from "./texts/texts.js";
import { value } from "./value.js";
import { define, View, wish } from "./view.js";
import type { Zone } from "./zone.js";

/** Rows that are drawn beyond what is seen: where one scrolls to, and where one comes from. */
const AHEAD = 7;
const BEHIND = 2;
/** How long scrolling must rest before the scroller's own place is put right, in milliseconds. */
const REST = 150;
/** So long at a time events are read for drawing, in milliseconds. A file can have many that are very long. */
const READING = 6;

/** What is read for an answer that is not shown yet: the one before stays until this one can be drawn. */
interface Next {
  readonly pages: RowPages;
  readonly question: number;
  /** How many rows came before those shown; undefined where it is another question's answer. */
  readonly shift: number | undefined;
  /** The row to go to then. */
  goal: number | undefined;
}

/**
 * All rows of an answer, of which only those in view are in the document.
 *
 * The grid keeps the focus and names the current row (`aria-activedescendant`), so that rows can come and go while
 * one scrolls. Every row is as high as the others, so that none is measured.
 *
 * It wishes for `open-row` and `mark-row` ({ row }), `columns-changed` ({ columns }), `ask-find`, `ask-help` and
 * `ask-close`.
 */
export class Rows extends View {
  static override properties: PropertyDeclarations = {
    shelf: { attribute: false },
    found: { attribute: false },
    standing: { attribute: false },
    columns: { attribute: false },
    zone: { attribute: false },
    texts: { attribute: false },
    grows: { attribute: false },
    bar: { attribute: false },
    withoutColumns: { type: Boolean, attribute: "without-columns" },
  };

  /** Where the rows stand. */
  declare shelf: Shelf | undefined;
  /** What is known of the newest answer. */
  declare found: Found | undefined;
  declare standing: (event: EventRow) => Standing;
  declare columns: readonly ChosenColumn[];
  declare zone: Zone;
  declare texts: Texts | undefined;
  /** Where new rows come while an answer grows. */
  declare grows: "after" | "before";
  /** What stands beside the button that chooses columns. */
  declare bar: TemplateResult | undefined;
  /** Whether that button stands elsewhere. */
  declare withoutColumns: boolean;

  #pages: RowPages | undefined;
  #shelf: Shelf | undefined;
  #question: number | undefined;
  #next: Next | undefined;
  readonly #cells = new Map<number, { readonly row: Row; readonly read: Cells }>();
  #current = 0;
  #way: 1 | -1 = 1;
  /**
   * Rows so far apart have the same key, so that what leaves the view on one side is used again on the other. A jump
   * changes what the keys are counted from, so that all that is drawn stays where it is.
   */
  #ring = 1;
  #ringFrom = 0;
  #drawnFirst = 0;
  #drawn = 0;
  #scroller: HTMLElement | undefined;
  #body: HTMLElement | undefined;
  #rowHeight = 36;
  #viewHeight = 0;
  #map = new ScrollMap(0);
  /** Where in the list the view begins, in pixels. */
  #offset = 0;
  /** Where the scroller is, as it was last seen or put. */
  #top = 0;
  #rest: ReturnType<typeof setTimeout> | undefined;
  #resized: ResizeObserver | undefined;

  constructor() {
    super();
    this.standing = () => "unsettled";
    this.columns = DEFAULT_COLUMNS;
    this.zone = "utc";
    this.grows = "after";
    this.withoutColumns = false;
  }

  /** The current row. */
  get current(): number {
    return this.#current;
  }

  /** Makes a row the current one and brings it into view. */
  goTo(row: number): void {
    if (this.#next !== undefined) {
      this.#next.goal = row;
      return;
    }
    const size = this.#pages?.size ?? 0;
    if (size === 0) {
      return;
    }
    const before = this.#current;
    this.#current = Math.max(0, Math.min(size - 1, row));
    const begin = this.#current * this.#rowHeight;
    const end = begin + this.#rowHeight;
    if (begin < this.#offset) {
      this.#moveTo(begin);
    } else if (end > this.#offset + this.#viewHeight) {
      this.#moveTo(end - this.#viewHeight);
    }
    this.requestUpdate();
    if (this.#current !== before) {
      this.dispatchEvent(wish("mark-row", { row: this.#current }));
    }
  }

  override focus(): void {
    this.#scroller?.focus({ preventScroll: true });
  }

  /** Does what a key means here, and says whether it means anything. */
  press(event: KeyboardEvent): boolean {
    if (event.altKey || event.ctrlKey || event.metaKey) {
      return false;
    }
    const page = Math.max(1, Math.floor(this.#viewHeight / this.#rowHeight) - 1);
    const moves: Readonly<Record<string, number>> = {
      ArrowDown: this.#current + 1,
      j: this.#current + 1,
      ArrowUp: this.#current - 1,
      k: this.#current - 1,
      PageDown: this.#current + page,
      PageUp: this.#current - page,
      Home: 0,
      End: Number.MAX_SAFE_INTEGER,
    };
    const wishes: Readonly<Record<string, string>> = { "/": "ask-find", "?": "ask-help", Escape: "ask-close" };
    const to = moves[event.key];
    const wished = wishes[event.key];
    if (to !== undefined) {
      this.goTo(to);
    } else if (event.key === "Enter" || event.key === " ") {
      this.#open(this.#current);
    } else if (wished !== undefined) {
      this.dispatchEvent(wish(wished, {}));
    } else {
      return false;
    }
    event.preventDefault();
    return true;
  }

  /** Lets the reader choose columns. */
  chooseColumns(): void {
    this.querySelector<ColumnsChooser>("cs-columns")?.open();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.#resized = new ResizeObserver(() => this.#measure());
    this.requestUpdate();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#resized?.disconnect();
    this.#scroller = undefined;
    clearTimeout(this.#rest);
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("columns") || changed.has("zone")) {
      this.#cells.clear();
    }
    this.#receive();
  }

  protected override render(): TemplateResult | typeof nothing {
    const { texts } = this;
    if (texts === undefined) {
      return nothing;
    }
    const { list, columns } = texts.rows;
    const size = this.#pages?.size ?? 0;
    const rows = this.#window(size);
    const drawn = this.#read(rows);
    const isCurrentDrawn = rows.includes(this.#current);
    return html`
      ${
        this.withoutColumns && !this.bar
          ? nothing
          : html`<div class="bar">
              <div class="bar-rest">${this.bar ?? nothing}</div>
              ${
                this.withoutColumns
                  ? nothing
                  : html`<button type="button" class="quiet" aria-haspopup="dialog" @click=${this.chooseColumns}>
                      ${icon("columns")} ${columns.open}
                    </button>`
              }
            </div>`
      }
      <div class="edges">
      <div
        class="scroller"
        part="grid"
        role="grid"
        tabindex="0"
        aria-label=${list.label(size)}
        aria-rowcount=${size + 1}
        aria-colcount=${this.columns.length + 1}
        aria-busy=${this.#next !== undefined}
        aria-activedescendant=${isCurrentDrawn ? `cs-row-${this.#current}` : nothing}
        @scroll=${this.#scrolled}
        @keydown=${this.press}
      >
        <div class="probe" role="presentation" aria-hidden="true"></div>
        <div class="head" part="head" role="row" aria-rowindex="1">
          <span role="columnheader"><span class="sr">${list.standing}</span></span>
          ${this.columns.map((column, place) => this.#header(column, place, texts))}
        </div>
        <div class="body" role="rowgroup" @click=${this.#clicked}>
          <div class="window" role="presentation">
            ${repeat(
              rows,
              (row) => (((row - this.#ringFrom) % this.#ring) + this.#ring) % this.#ring,
              (row, place) => this.#row(row, drawn[place], texts),
            )}
          </div>
        </div>
      </div>
      </div>
      ${size === 0 && this.#next === undefined && this.found?.complete === true ? html`<p class="none">${list.none}</p>` : nothing}
      <cs-columns .columns=${this.columns} .texts=${texts} @columns-changed=${this.#columnsChosen}></cs-columns>
    `;
  }

  protected override updated(changed: PropertyValues<this>): void {
    const scroller = this.querySelector<HTMLElement>(":scope > .edges > .scroller");
    const body = scroller?.querySelector<HTMLElement>(":scope > .body");
    const shown = body?.querySelector<HTMLElement>(":scope > .window");
    if (!scroller || !body || !shown) {
      return;
    }
    if (changed.has("columns") || changed.has("zone")) {
      this.#layOut();
      this.#showEdges();
    }
    body.style.height = `${this.#map.height}px`;
    // Not moved by a transform: rows that stay where they are in the scroller need not be painted again.
    shown.style.top = `${this.#top + this.#drawnFirst * this.#rowHeight - this.#offset}px`;
    if (this.#scroller !== scroller) {
      this.#scroller = scroller;
      this.#body = body;
      this.#resized?.disconnect();
      this.#resized?.observe(scroller);
      const probe = scroller.querySelector(":scope > .probe");
      if (probe) {
        this.#resized?.observe(probe);
      }
    }
  }

  /** Lays out the columns. A page's policy can forbid style attributes, but not this. */
  #layOut(): void {
    const [from, to] = longestRun(this.columns);
    const lines = 1 + this.columns.filter(({ id }) => id !== "action" && id !== "outcome").length;
    const tracks = this.columns.map((column) => track(column, this.zone));
    const leasts = this.columns.map((column) => least(column, this.zone));
    this.style.setProperty("--cs-lines", String(lines));
    this.style.setProperty("--cs-tracks", `2rem ${tracks.join(" ")}`);
    this.style.setProperty("--cs-least", `calc(2rem + ${leasts.join(" + ")})`);
    this.style.setProperty("--cs-span", String(Math.max(1, to - from)));
  }

  /** Takes what `shelf` and `found` say now. */
  #receive(): void {
    const { shelf, found } = this;
    if (shelf === undefined || found === undefined) {
      this.#next = undefined;
      this.#show(undefined);
      return;
    }
    if (this.#next?.question === found.question) {
      this.#switch();
    }
    const isOther = shelf !== this.#shelf || found.question !== this.#question;
    if (isOther && (this.#next === undefined || this.#next.question !== found.question || shelf !== this.#shelf)) {
      this.#begin(shelf, found, undefined);
    } else if (!isOther && this.#next === undefined && this.#pages !== undefined && found.rows !== this.#pages.size) {
      const more = found.rows - this.#pages.size;
      if (this.grows === "after" || more < 0) {
        this.#show(this.#pages.grown(found.rows));
      } else {
        this.#begin(shelf, found, more);
      }
    }
    this.#switch();
  }

  #begin(shelf: Shelf, found: Found, shift: number | undefined): void {
    const pages = new RowPages(shelf, found.rows, () => this.requestUpdate());
    this.#next = { pages, question: found.question, shift, goal: undefined };
    this.#shelf = shelf;
    this.#question = found.question;
    const first = Math.floor(this.#nextOffset(shift ?? 0, shift === undefined) / this.#rowHeight);
    pages.want(first, first + this.#perView, 1);
  }

  /** Where the view begins once the next answer is shown. At the very beginning new rows are let in. */
  #nextOffset(shift: number, isOther: boolean): number {
    return isOther || this.#offset === 0 ? 0 : this.#offset + shift * this.#rowHeight;
  }

  /** Shows the next answer as soon as it can be drawn. */
  #switch(): void {
    const next = this.#next;
    if (next === undefined) {
      return;
    }
    const offset = this.#nextOffset(next.shift ?? 0, next.shift === undefined);
    const first = Math.floor(offset / this.#rowHeight);
    if (this.#pages !== undefined && !next.pages.isLost && !next.pages.has(first, first + this.#perView)) {
      return;
    }
    this.#next = undefined;
    this.#offset = offset;
    this.#current = next.shift === undefined ? 0 : this.#current + next.shift;
    this.#show(next.pages);
    const { goal } = next;
    if (goal !== undefined) {
      void this.updateComplete.then(() => this.goTo(goal));
    }
    if (next.shift !== undefined) {
      this.dispatchEvent(wish("mark-row", { row: this.#current }));
    }
  }

  #show(pages: RowPages | undefined): void {
    if (this.#pages === pages) {
      return;
    }
    this.#pages = pages;
    this.#current = Math.max(0, Math.min(this.#current, (pages?.size ?? 1) - 1));
    this.#map = new ScrollMap((pages?.size ?? 0) * this.#rowHeight, this.#viewHeight);
    this.#offset = this.#map.clamp(this.#offset);
    void this.updateComplete.then(() => this.#place());
  }

  get #perView(): number {
    return Math.ceil(this.#viewHeight / this.#rowHeight) + 1;
  }

  /** The rows that are drawn. */
  #window(size: number): number[] {
    const above = this.#way > 0 ? BEHIND : AHEAD;
    const first = Math.max(0, Math.floor(this.#offset / this.#rowHeight) - above);
    this.#ring = this.#perView + AHEAD + BEHIND;
    const last = Math.min(size, first + this.#ring);
    if (Math.abs(first - this.#drawnFirst) >= this.#drawn) {
      this.#ringFrom += first - this.#drawnFirst;
    }
    this.#drawnFirst = first;
    this.#drawn = Math.max(0, last - first);
    return Array.from({ length: this.#drawn }, (_, place) => first + place);
  }

  /** What stands in rows, as far as it is here and there is time to read it; the rest follows. */
  #read(rows: readonly number[]): ({ readonly row: Row; readonly read: Cells } | undefined)[] {
    const pages = this.#pages;
    const [first = 0, last = 0] = [rows[0], (rows.at(-1) ?? -1) + 1];
    pages?.want(first, last, this.#way);
    for (const row of this.#cells.keys()) {
      if (row < first || row >= last) {
        this.#cells.delete(row);
      }
    }
    const until = performance.now() + READING;
    let isLate = false;
    const drawn = rows.map((number) => {
      const row = pages?.get(number);
      const known = this.#cells.get(number);
      if (row === undefined || known?.row === row) {
        return row && known;
      }
      if (isLate) {
        return undefined;
      }
      const read = { row, read: cellsOf(row, this.columns, this.zone) };
      this.#cells.set(number, read);
      isLate = performance.now() > until;
      return read;
    });
    if (isLate) {
      requestAnimationFrame(() => this.requestUpdate());
    }
    return drawn;
  }

  #header({ id }: ChosenColumn, place: number, texts: Texts): TemplateResult {
    return html`
      <span role="columnheader" class="cell cell-${isMember(id) ? "member" : id}">
        <span class="label">${columnName(id, texts)}</span>
        <span class="grip" @pointerdown=${(event: PointerEvent) => this.#grip(event, place)}></span>
      </span>
    `;
  }

  #row(number: number, drawn: { row: Row; read: Cells } | undefined, texts: Texts): unknown {
    const isCurrent = number === this.#current;
    const standing = drawn?.row.kind === "event" ? this.standing(drawn.row) : undefined;
    const isLost = this.#pages?.isLost ?? false;
    return guard([number, drawn?.read, isCurrent, standing, isLost, texts, this.columns], () => {
      return html`
        <div
          class="row ${drawn?.row.kind ?? "unread"} ${isCurrent ? "current" : ""}"
          part="row"
          role="row"
          id="cs-row-${number}"
          aria-rowindex=${number + 2}
          aria-selected=${isCurrent}
        >
          ${
            drawn === undefined
              ? html`<span role="gridcell" class="cell whole" aria-colspan=${this.columns.length + 1}>
                  ${isLost ? texts.rows.list.lost : texts.rows.list.reading}
                </span>`
              : this.#whole(drawn.row, drawn.read, standing, texts)
          }
        </div>
      `;
    });
  }

  #whole(row: Row, { cells, untold }: Cells, standing: Standing | undefined, texts: Texts): TemplateResult {
    const message = row.kind === "event" ? untold && html`<code>${value(untold)}</code>` : absence(row, texts);
    return html`
      ${sign(row, standing, texts)}
      ${message ? this.#around(cells, message, texts) : cells.map((cell, place) => this.#cell(cell, place, texts))}
    `;
  }

  /** The cells, with a message in place of the longest run of those that are of the event. */
  #around(cells: readonly Cell[], message: unknown, texts: Texts): unknown[] {
    const [from, to] = longestRun(this.columns);
    const span = to - from;
    const said = (width: number) =>
      html`<span role="gridcell" class="cell message" aria-colspan=${width}>${message}</span>`;
    if (span === 0) {
      return [html`<span role="gridcell" class="cell message all" aria-colspan=${cells.length}>${message}</span>`];
    }
    return [
      ...cells.slice(0, from).map((cell, place) => this.#cell(cell, place, texts)),
      said(span),
      ...cells.slice(to).map((cell, place) => this.#cell(cell, to + place, texts)),
    ];
  }

  #cell(cell: Cell, place: number, texts: Texts): TemplateResult {
    const id = this.columns[place]?.id ?? "line";
    return html`
      <span role="gridcell" class="cell cell-${isMember(id) ? "member" : id} ${cell === undefined ? "nil" : ""}">
        ${cell === undefined ? nothing : html`<span class="label" aria-hidden="true">${columnName(id, texts)}</span>${content(cell, texts)}`}
      </span>
    `;
  }

  #open(row: number): void {
    if ((this.#pages?.size ?? 0) === 0) {
      return;
    }
    this.goTo(row);
    this.dispatchEvent(wish("open-row", { row }));
  }

  readonly #clicked = (event: MouseEvent): void => {
    const row = (event.target as Element).closest<HTMLElement>(".row");
    // Who selects text to copy it does not mean to open the row.
    if (row !== null && document.getSelection()?.type !== "Range") {
      this.#open(Number(row.getAttribute("aria-rowindex")) - 2);
    }
  };

  readonly #columnsChosen = (event: CustomEvent<{ columns: readonly ChosenColumn[] }>): void => {
    this.columns = event.detail.columns;
  };

  #grip(event: PointerEvent, place: number): void {
    const grip = event.currentTarget as HTMLElement;
    const header = grip.parentElement;
    const column = this.columns[place];
    if (header === null || column === undefined || event.button !== 0) {
      return;
    }
    event.preventDefault();
    const begin = header.getBoundingClientRect().width;
    const way = getComputedStyle(header).direction === "rtl" ? -1 : 1;
    const moved = ({ clientX }: PointerEvent) => {
      const width = widthWithin(begin + way * (clientX - event.clientX));
      this.columns = this.columns.with(place, { ...column, width });
    };
    const ended = () => {
      grip.removeEventListener("pointermove", moved);
      grip.removeEventListener("lostpointercapture", ended);
      this.dispatchEvent(wish("columns-changed", { columns: this.columns }));
    };
    grip.setPointerCapture(event.pointerId);
    grip.addEventListener("pointermove", moved);
    grip.addEventListener("lostpointercapture", ended);
  }

  #measure(): void {
    const scroller = this.#scroller;
    const probe = scroller?.querySelector<HTMLElement>(":scope > .probe");
    if (!scroller || !probe || !this.#body) {
      return;
    }
    const firstRow = this.#offset / this.#rowHeight;
    this.#rowHeight = probe.offsetHeight || this.#rowHeight;
    this.#viewHeight = Math.max(0, scroller.clientHeight - this.#body.offsetTop);
    this.#map = new ScrollMap((this.#pages?.size ?? 0) * this.#rowHeight, this.#viewHeight);
    this.#showEdges();
    this.#moveTo(firstRow * this.#rowHeight);
  }

  /** Shows on which sides columns go on. */
  #showEdges(): void {
    const { scrollLeft = 0, scrollWidth = 0, clientWidth = 0 } = this.#scroller ?? {};
    const begin = Math.abs(scrollLeft);
    this.toggleAttribute("more-before", begin > 1);
    this.toggleAttribute("more-after", begin + clientWidth < scrollWidth - 1);
  }

  #moveTo(offset: number): void {
    this.#offset = this.#map.clamp(offset);
    this.requestUpdate();
    void this.updateComplete.then(() => this.#place());
  }

  /** Puts the scroller where the list is. */
  #place(): void {
    const top = this.#map.toScroller(this.#offset);
    if (!this.#scroller || Math.abs(this.#top - top) < 1) {
      return;
    }
    this.#scroller.scrollTop = top;
    this.#top = this.#scroller.scrollTop;
    this.requestUpdate();
  }

  readonly #scrolled = (): void => {
    const top = this.#scroller?.scrollTop ?? 0;
    if (top === this.#top) {
      this.#showEdges();
      return;
    }
    this.#way = top > this.#top ? 1 : -1;
    this.#offset = this.#map.follow(this.#offset, this.#top, top);
    this.#top = top;
    this.requestUpdate();
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => this.#place(), REST);
  };
}

/** What a column is called. A member is called by its path, which the reader wrote. */
export function columnName(id: ChosenColumn["id"], texts: Texts): unknown {
  return isMember(id) ? html`<code>${value(id.slice(1))}</code>` : texts.rows.columns.names[id];
}

function content(cell: NonNullable<Cell>, { figures }: Texts): unknown {
  switch (cell.kind) {
    case "time":
      return html`<time datetime=${cell.time} dir="ltr">${cell.shown}</time>`;
    case "outcome":
      return cell.isImplied ? html`<span class="faint">${value(cell.text)}</span>` : outcome(cell.text);
    case "text":
      return value(cell.text);
    case "key":
      return html`<code>${value(cell.text)}</code>`;
    case "number":
      return figures.count(cell.number);
    case "place":
      return html`<bdi dir="ltr"><code>${cell.chain.slice(0, 8)}</code> / ${figures.count(cell.seq)}</bdi>`;
    case "party": {
      const { id, name } = cell.party;
      return name === undefined ? value(id) : html`${value(name)} <span class="faint">${value(id)}</span>`;
    }
  }
}

/** An event's own word for how it went; what went wrong catches the eye. */
function outcome(text: string): TemplateResult {
  switch (text) {
    case "failure":
      return html`<span class="outcome tone-bad">${icon("fail")}${value(text)}</span>`;
    case "unknown":
      return html`<span class="outcome faint">${icon("unknown")}${value(text)}</span>`;
    default:
      return value(text);
  }
}

/** Who signed, as a drawing and, for those who do not see it, a word. */
function sign(row: Row, standing: Standing | undefined, { rows }: Texts): TemplateResult {
  if (standing === undefined) {
    return html`<span role="gridcell" class="sign">${icon(row.kind === "gap" ? "gap" : "withheld")}</span>`;
  }
  const { icon: drawing, tone } = STANDING_SIGNS[standing];
  return html`
    <span role="gridcell" class="sign tone-${tone}" title=${rows.standing[standing].word}>
      ${icon(drawing)}<span class="sr">${rows.standing[standing].word}</span>
    </span>
  `;
}

function absence(row: WithheldMark | GapRow, { rows }: Texts): TemplateResult {
  if (row.kind === "withheld") {
    return html`${rows.list.withheld[row.why ?? "unsaid"]}`;
  }
  const { index, leaves } = row;
  return html`${rows.list.gap(leaves)} <span class="faint">${rows.list.gapPlace(index, index + leaves - 1)}</span>`;
}

define("cs-rows", Rows);
