import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import type { Column, Facet, FacetValue, SearchResult } from "../../index/types.js";
import { icon } from "../parts/icons.js";
import { outcomeWord } from "../parts/outcome-word.js";
import { NOT_STATED } from "../parts/summary.js";
import { value } from "../parts/value.js";
import { define, emit, props, TextView } from "../view.js";

/** Columns with facets, in display order. */
const FACET_COLUMNS: readonly Column[] = [
  "outcome",
  "action",
  "actor",
  "for",
  "target",
  "ip",
  "tenant",
  "as",
  "signer",
];
/** Number of values shown before "more" is pressed. */
const COLLAPSED_VALUES = 10;

/** The most frequent values of each column, as chips that narrow the search. Fires `value-toggled` {column, value}. */
export class Facets extends TextView {
  static override properties = props("found", "isShown", "isIndexIncomplete");

  declare found: SearchResult | undefined;
  readonly #opened = new Set<Column>();
  /** True if the facets are shown in a narrow viewer, where they are collapsed by default. */
  isShown = false;
  /** True while events are added, so that all counts are incomplete. */
  isIndexIncomplete = false;
  #measuring: number | undefined;
  /** The button that Tab reaches: the others are reached from it with the arrow keys. */
  #stop: HTMLElement | null = null;
  /**
   * True while a button is pressed. A result that arrived before the release would move the button and lose the click.
   */
  #isPressed = false;

  override connectedCallback(): void {
    super.connectedCallback();
    window.addEventListener("pointerup", this.#released);
    window.addEventListener("pointercancel", this.#released);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    window.removeEventListener("pointerup", this.#released);
    window.removeEventListener("pointercancel", this.#released);
    this.#isPressed = false;
  }

  readonly #pressed = (): void => {
    this.#isPressed = true;
  };

  readonly #released = (): void => {
    if (this.#isPressed) {
      this.#isPressed = false;
      // After the click, which follows this event.
      setTimeout(() => this.requestUpdate());
    }
  };

  protected override shouldUpdate(): boolean {
    return !this.#isPressed;
  }

  protected override resized(): void {
    this.#measure();
  }

  protected override updated(): void {
    this.#measuring ??= requestAnimationFrame(() => {
      this.#measuring = undefined;
      this.#measure();
    });
  }

  protected override render(): TemplateResult | typeof nothing {
    const groups = FACET_COLUMNS.flatMap((column) => {
      const facet = this.found?.facets[column];
      return facet === undefined || facet.values.length === 0 || isOnlyCountersign(column, facet)
        ? []
        : [this.#group(column, facet.values, facet.more)];
    });
    if (groups.length === 0) {
      return nothing;
    }
    const { facets } = this.texts.view;
    return html`
      <div id="facets" class="facets" part="facets" role="toolbar" aria-label=${facets} data-shown=${this.isShown} @focusin=${this.#focused} @pointerdown=${this.#pressed} @keydown=${this.#moved}>${groups}${this.isIndexIncomplete ? html`<p class="faint">${this.texts.query.soFar}</p>` : nothing}</div>
    `;
  }

  #group(column: Column, values: readonly FacetValue[], more: number): TemplateResult {
    const { name } = this.texts.query.members[column];
    const isOpen = this.#opened.has(column);
    // Selected values stay visible however rare they are.
    const shown = values.filter((one, place) => isOpen || place < COLLAPSED_VALUES || one.chosen);
    const hidden = values.length - shown.length + more;
    return html`
      <div class="facet" role="group" aria-label=${name} data-column=${column} data-open=${isOpen} data-hides=${hidden > 0}>
        <span class="facet-name" aria-hidden="true">${name}</span>
        <div class="facet-values">
          ${repeat(
            shown,
            (one) => one.value,
            (one) => this.#chip(column, one),
          )}
          ${isOpen && hidden > 0 ? html`<span class="faint">${this.#moreText(hidden)}</span>` : nothing}
        </div>
        ${this.#toggle(column, name, isOpen, hidden)}
      </div>
    `;
  }

  #chip(column: Column, { value: text, name, count, chosen: isChosen = false }: FacetValue): TemplateResult {
    const isUnstated = column === "outcome" && text === NOT_STATED;
    return html`
      <button
        type="button"
        class="chip"
        part="chip"
        tabindex="-1"
        aria-pressed=${isChosen}
        @click=${() => emit(this, "value-toggled", { column, value: text })}
      >
        ${isChosen ? icon("check") : nothing}<span class="chip-value ${isUnstated ? "faint" : ""}">${name === undefined || name === text ? nothing : html`<span class="chip-name">${value(name, 40)}</span>`}${isUnstated ? html`<bdi>${this.texts.rows.list.notStated}</bdi>` : name === undefined || name === text ? value(column === "outcome" ? outcomeWord(text, this.texts) : shortened(column, text), 60) : html`<span class="faint">${value(shortened(column, text), 40)}</span>`}</span>
        <span class="chip-count">${this.texts.figures.count(count)}</span>
      </button>
    `;
  }

  /** Hidden by CSS unless there are more values than fit. */
  #toggle(column: Column, name: string, isOpen: boolean, hidden: number): TemplateResult {
    const { view } = this.texts;
    const text = isOpen ? view.fewerValues : hidden > 0 ? this.#moreText(hidden) : view.allValues;
    const toggle = () => {
      if (!this.#opened.delete(column)) {
        this.#opened.add(column);
      }
      this.requestUpdate();
    };
    return html`
      <button type="button" class="quiet facet-more" tabindex="-1" aria-expanded=${isOpen} aria-label=${`${name}: ${text}`} @click=${toggle}>${text}</button>
    `;
  }

  #moreText(hidden: number): string {
    return this.texts.view.moreValues(this.texts.figures.count(hidden));
  }

  readonly #focused = (event: FocusEvent): void => {
    this.#setStop(event.target as HTMLElement);
  };

  #setStop(stop: HTMLElement | null): void {
    if (stop !== this.#stop) {
      this.#stop?.setAttribute("tabindex", "-1");
      stop?.setAttribute("tabindex", "0");
      this.#stop = stop;
    }
  }

  readonly #moved = (event: KeyboardEvent): void => {
    const all = [...this.querySelectorAll<HTMLElement>(".facets button")];
    const buttons = all.filter((button) => button.checkVisibility());
    const at = buttons.indexOf(event.target as HTMLElement);
    if (at < 0 || event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    const ahead = getComputedStyle(this).direction === "rtl" ? -1 : 1;
    const to: Readonly<Record<string, number>> = {
      ArrowRight: at + ahead,
      ArrowLeft: at - ahead,
      ArrowDown: at + 1,
      ArrowUp: at - 1,
      Home: 0,
      End: buttons.length - 1,
    };
    const next = buttons[to[event.key] ?? -1];
    if (next !== undefined) {
      event.preventDefault();
      event.stopPropagation();
      next.focus();
    }
  };

  /**
   * Marks rows of values that overflow, and sets the button that Tab reaches. Reads everything before writing, once
   * per frame, because each read forces a layout.
   */
  #measure(): void {
    const rows = [...this.querySelectorAll(".facet-values")];
    const areOver = rows.map((values) => values.scrollWidth > values.clientWidth + 1);
    this.#setStop(this.#stop?.checkVisibility() ? this.#stop : this.querySelector(".facets button"));
    for (const [place, values] of rows.entries()) {
      values.parentElement?.toggleAttribute("data-over", areOver[place]);
    }
  }
}

/** True if countersign's own parser read all events, which is not worth showing. */
function isOnlyCountersign(column: Column, { values, more }: Facet): boolean {
  return column === "as" && more === 0 && values.every((one) => one.value === "countersign" && !one.chosen);
}

/** Shortens a key to its name and ID. */
function shortened(column: Column, text: string): string {
  return column === "signer" ? text.split("+", 2).join("+") : text;
}

define("cs-facets", Facets);
