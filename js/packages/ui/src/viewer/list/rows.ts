import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { guard } from "lit/directives/guard.js";
import type { FindingMarks } from "../../analyze/types.js";
import type { EventIndex, EventRow, Order, Row, SearchResult } from "../../index/types.js";
import { type ChosenColumn, DEFAULT_COLUMNS, isMember, SORT_KEYS } from "./columns.js";
import "./columns-chooser.js";
import type { SignerTrustSoFar } from "../../index/signer-trust.js";
import { levelOf } from "../detection/levels.js";
import { icon } from "../parts/icons.js";
import type { Texts } from "../texts/texts.js";
import { define, emit, props, TextView } from "../view.js";
import type { ColumnsChooser } from "./columns-chooser.js";
import { drag, fitting, layOut, ofCard } from "./columns-layout.js";
import { conditionCountsView } from "./condition-counts.js";
import { columnName, rowView } from "./row.js";
import { Answers, type ViewChange } from "./rows-answers.js";
import { Viewport } from "./rows-viewport.js";
import { rowsWindow } from "./rows-window.js";

/** Maximum width in rem at which rows are cards; `rows.css` has the same value. */
const MAX_CARD_WIDTH = 32;

/** A position in the list, and the row rendered there. */
export interface RowAt {
  readonly position: number;
  readonly row: Row | undefined;
}

/**
 * The rows of a result. Only those in view are in the document.
 *
 * The grid keeps the focus and names the current row (`aria-activedescendant`), so that rows can come and go while
 * scrolling.
 *
 * Dispatches `open-row` and `mark-row` ({ position, row }, where `row` is the row rendered there, if any),
 * `columns-changed` ({ columns }), `sort-by` ({ by }), `ask-find`, `ask-help`, and `ask-close`.
 */
export class Rows extends TextView {
  static override properties = props("index", "found", "signerTrust", "marks", "columns", "order", "bar");

  /** Source of the rows. */
  declare index: Pick<EventIndex, "rows" | "rowOf"> | undefined;
  /** State of the newest result. */
  declare found: SearchResult | undefined;
  signerTrust: (event: EventRow) => SignerTrustSoFar = () => "unsettled";
  /** Entries with findings. */
  declare marks: FindingMarks | undefined;
  columns: readonly ChosenColumn[] = DEFAULT_COLUMNS;
  /** Order of the rows. */
  declare order: Order | undefined;
  /** Content next to the button that chooses columns. */
  declare bar: TemplateResult | undefined;

  readonly #viewport = new Viewport(this);
  readonly #answers = new Answers(
    this.#viewport,
    () => this.#current,
    () => this.requestUpdate(),
  );
  /** Columns that are shown; fewer than chosen if there isn't room for all. */
  #fitting: readonly ChosenColumn[] = DEFAULT_COLUMNS;
  /** Width of the list and of a rem, in pixels, at the last layout. */
  #width = 0;
  #rem = 16;
  #current = 0;
  /** True if the reader chose the current row. */
  #isChosen = false;
  /** Row to go to once the result of that query is shown. */
  #goal: { readonly row: number; readonly query: number | undefined } | undefined;

  /** Makes a row the current one and scrolls it into view. */
  goTo(row: number): void {
    if (this.#answers.isNewQuery) {
      this.#goal = { row, query: this.found?.query };
      return;
    }
    const size = this.#size;
    if (size === 0) {
      return;
    }
    const before = this.#current;
    this.#isChosen = true;
    this.#current = Math.max(0, Math.min(size - 1, row));
    this.#viewport.reveal(this.#current);
    this.requestUpdate();
    if (this.#current !== before) {
      emit(this, "mark-row", this.#at(this.#current));
    }
  }

  override focus(): void {
    this.querySelector<HTMLElement>(".scroller")?.focus({ preventScroll: true });
    const { top, bottom } = this.getBoundingClientRect();
    if (top >= innerHeight || bottom <= 0) {
      this.scrollIntoView({ block: "nearest" });
    }
  }

  /** Handles a key. Returns false if the key has no effect here. */
  press(event: KeyboardEvent): boolean {
    if (event.altKey || event.ctrlKey || event.metaKey) {
      return false;
    }
    if ((event.key === "Enter" || event.key === " ") && (event.target as Element).matches(".head button")) {
      return false;
    }
    const { page } = this.#viewport;
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
    const requests: Readonly<Record<string, string>> = { "/": "ask-find", "?": "ask-help", Escape: "ask-close" };
    const to = moves[event.key];
    const requested = requests[event.key];
    if (to !== undefined) {
      this.goTo(to);
      // The list may have the focus while it is outside the window.
      this.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" || event.key === " ") {
      this.#open(this.#current);
    } else if (requested !== undefined) {
      emit(this, requested, {});
    } else {
      return false;
    }
    event.preventDefault();
    return true;
  }

  /** Opens the dialog that chooses columns. */
  chooseColumns(): void {
    this.querySelector<ColumnsChooser>("cs-columns")?.open();
  }

  protected override resized(width: number): void {
    const wereCards = this.#areCards;
    this.#width = width;
    this.#rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
    if (this.#fit() !== this.#fitting || this.#areCards !== wereCards) {
      this.requestUpdate();
    }
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const fitting = this.#fit();
    this.#isRefitted = changed.has("zone") || fitting !== this.#fitting || !this.hasUpdated;
    this.#fitting = fitting;
    const turn = this.#answers.receive(
      this.index,
      this.found,
      this.#fitting.flatMap(({ id }) => (isMember(id) ? [id.slice(1)] : [])),
    );
    if (turn !== undefined) {
      this.#turn(turn);
    }
    this.#answers.follow();
  }

  protected override render(): TemplateResult {
    const { texts } = this;
    const { list, columns } = texts.rows;
    const size = this.#size;
    const { pages } = this.#answers;
    pages?.want(...this.#viewport.wanted, this.#viewport.way);
    const rows = this.#viewport.rows((first, last) => pages?.has(first, last) ?? true);
    const isCurrentDrawn = rows.includes(this.#current);
    return html`
      <div class="bar">
        <div class="bar-rest">${this.bar ?? nothing}</div>
        <button type="button" class="quiet" aria-haspopup="dialog" @click=${this.chooseColumns}>
          ${icon("columns")} ${columns.open}
        </button>
      </div>
      <div class="edges">
        <div
          class="scroller"
          part="grid"
          role="grid"
          tabindex="0"
          ?data-chosen=${this.#isChosen}
          aria-label=${list.label(size)}
          aria-rowcount=${size + 1}
          aria-colcount=${this.#fitting.length + 1}
          aria-busy=${this.#answers.isTurning}
          aria-activedescendant=${isCurrentDrawn ? `cs-row-${this.#current}` : nothing}
          @scroll=${this.#viewport.scrolled}
          @keydown=${this.press}
        >
          <div class="probe" role="presentation" aria-hidden="true"></div>
          <div class="head" part="head" role="row" aria-rowindex="1">
            <span role="columnheader"><span class="sr">${list.signerTrust}</span></span>
            ${this.#fitting.map((column, place) => this.#header(column, place, texts))}
          </div>
          <div class="body" role="rowgroup" @click=${this.#clicked}>
            <div class="window" role="presentation">
              ${rowsWindow(rows, (row) => this.#row(row, texts))}
            </div>
          </div>
        </div>
      </div>
      ${size > this.#viewport.count ? html`<p class="unprinted">${list.unprinted}</p>` : nothing}
      ${size === 0 && !this.#answers.isTurning && this.found?.complete === true ? html`<p class="none">${this.found.isFiltered ? texts.query.nothing : list.none}</p>` : nothing}
      ${this.found?.events === 0 && !this.#answers.isTurning && this.found.complete ? conditionCountsView(this.found, texts) : nothing}
      <cs-columns .columns=${this.columns} .texts=${texts} @columns-changed=${this.#columnsChosen}></cs-columns>
    `;
  }

  protected override updated(): void {
    if (this.#isRefitted) {
      layOut(this, this.#fitting, this.zone);
      this.#viewport.showEdges();
    }
  }

  /** True if the columns must be laid out again. */
  #isRefitted = true;

  /** Returns the columns to show. A narrow list shows cards. */
  #fit(): readonly ChosenColumn[] {
    return this.#areCards ? ofCard(this.columns) : this.#reuse(fitting(this.columns, this.#room, this.zone));
  }

  /** Width in rem. */
  get #room(): number {
    return this.#width / this.#rem;
  }

  get #areCards(): boolean {
    return this.#room <= MAX_CARD_WIDTH;
  }

  /** Returns the previous array if it is equal, so that rows aren't rendered again. */
  #reuse(columns: readonly ChosenColumn[]): readonly ChosenColumn[] {
    const before = this.#fitting;
    return columns.length === before.length && columns.every((column, place) => column === before[place])
      ? before
      : columns;
  }

  get #size(): number {
    return this.#answers.pages?.size ?? 0;
  }

  #turn({ pages, shift, step }: ViewChange): void {
    const size = pages?.size ?? 0;
    this.#isChosen &&= shift !== undefined;
    this.#current = this.#isChosen ? Math.max(0, Math.min(size - 1, this.#current + step)) : 0;
    this.#viewport.resize(size, shift);
    const goal = this.#goal;
    if (shift === undefined) {
      this.#goal = undefined;
      if (goal !== undefined && goal.query === this.found?.query) {
        void this.updateComplete.then(() => this.goTo(goal.row));
      }
    }
  }

  #header({ id }: ChosenColumn, place: number, texts: Texts): TemplateResult {
    const key = this.#areCards ? undefined : SORT_KEYS[id];
    const name = id === "time" ? texts.rows.list.times[timesShown(this.found)] : columnName(id, texts);
    const { by, descending = false } = this.order ?? {};
    const isSorted = key !== undefined && key === by;
    const label =
      key === undefined
        ? html`<span class="label">${name}</span>`
        : html`
          <button type="button" class="label" title=${texts.rows.list.sort} @click=${() => emit(this, "sort-by", { by: key })}>
            <span>${name}</span>${isSorted ? icon(descending ? "down" : "up") : nothing}
          </button>`;
    return html`
      <span
        role="columnheader"
        class="cell cell-${isMember(id) ? "member" : id}"
        aria-sort=${key === undefined ? nothing : isSorted ? (descending ? "descending" : "ascending") : "none"}
      >
        ${label}
        <span class="grip" @pointerdown=${(event: PointerEvent) => this.#grip(event, place)}></span>
      </span>
    `;
  }

  #row(number: number, texts: Texts): unknown {
    const { pages } = this.#answers;
    const row = pages?.get(number);
    const isCurrent = number === this.#current;
    const signerTrust = row?.kind === "event" ? this.signerTrust(row) : undefined;
    const level = row?.kind === "event" ? levelOf(this.marks, row.index) : undefined;
    const isLost = pages?.isLost ?? false;
    const columns = this.#fitting;
    const isCard = this.#areCards;
    const { zone } = this;
    const marksRecorded = timesShown(this.found) === "mixed";
    return guard(
      [number, row, isCurrent, signerTrust, level, isLost, columns, isCard, marksRecorded, zone, texts],
      () =>
        rowView({ number, row, isCurrent, signerTrust, level, isLost, columns, isCard, marksRecorded, zone, texts }),
    );
  }

  #open(position: number): void {
    if (this.#size === 0) {
      return;
    }
    this.goTo(position);
    emit(this, "open-row", this.#at(position));
  }

  #at(position: number): RowAt {
    return { position, row: this.#answers.pages?.get(position) };
  }

  readonly #clicked = (event: MouseEvent): void => {
    const row = (event.target as Element).closest<HTMLElement>(".row");
    // Selecting text to copy it must not open the row.
    if (row !== null && document.getSelection()?.type !== "Range") {
      this.#open(Number(row.getAttribute("aria-rowindex")) - 2);
    }
  };

  readonly #columnsChosen = (event: CustomEvent<{ columns: readonly ChosenColumn[] }>): void => {
    this.columns = event.detail.columns;
  };

  #grip(event: PointerEvent, place: number): void {
    const columns = this.#fitting;
    const column = columns[place];
    if (column !== undefined) {
      drag(
        event,
        (width) => {
          this.columns = columns.with(place, { ...column, width });
        },
        () => emit(this, "columns-changed", { columns: this.columns }),
      );
    }
  }
}

/** Returns which times the column of times shows: the events' own, those of recording, or both. */
function timesShown(found: SearchResult | undefined): "own" | "recorded" | "mixed" {
  const { own = 0, recorded = 0 } = found?.times ?? {};
  return own === 0 ? "recorded" : recorded === 0 ? "own" : "mixed";
}

define("cs-rows", Rows);
