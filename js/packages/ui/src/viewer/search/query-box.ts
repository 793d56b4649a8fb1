import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { createRef, ref } from "lit/directives/ref.js";
import type { EventIndex, QueryError, SearchResult, Suggestion } from "../../index/types.js";
import { icon } from "../parts/icons.js";
import { copy } from "../parts/save.js";
import { sentenceView, value } from "../parts/value.js";
import { define, emit, internal, props, TextView } from "../view.js";
import { filterName } from "./filter-name.js";
import type { InvalidPart } from "./search-controller.js";
import type { Draft } from "./selection.js";

/** Milliseconds of pause in typing before the search is applied. */
const PAUSE_MS = 200;
/** Characters of a query shown around an error. */
const CONTEXT_CHARS = 40;

/**
 * The search box: filters, each a button that removes it, and the text next to them. Dispatches `query-typed` at every
 * change of the text and when it is found to be invalid, `query-changed` {text} to apply it, `filter-removed`
 * {filter}, `query-cleared`, and `query-left` for Escape.
 */
export class QueryBox extends TextView {
  static override properties = {
    ...props("text", "filters", "query", "found", "index", "invalidPart"),
    ...internal("draft", "refused", "showsProblems", "isOpen", "marked", "suggested", "did"),
  };

  text: string = "";
  /** Conditions other than the text. */
  filters: readonly string[] = [];
  /** Text and filters as one query. */
  query: string = "";
  declare found: SearchResult | undefined;
  /** Checks queries and suggests completions. */
  declare index: Pick<EventIndex, "check" | "suggest"> | undefined;
  /** The invalid part of the applied search, if any. */
  declare invalidPart: InvalidPart | undefined;
  private draft = "";
  /** The error in the draft; undefined if there is none, or until it was checked. */
  declare private refused: { readonly text: string; readonly refusal: QueryError } | undefined;
  private showsProblems = true;
  private isOpen = false;
  private marked = -1;
  /** The last change of the filters, announced to screen readers. */
  private did = "";
  /** Key of the last request for suggestions, and its result. */
  #requestKey = "";
  private suggested: { readonly draft: string; readonly all: readonly Suggestion[] } = { draft: "", all: [] };
  #pause: ReturnType<typeof setTimeout> | undefined;
  readonly #input = createRef<HTMLInputElement>();

  /** Shows this text, and discards a draft. */
  reset(text: string): void {
    clearTimeout(this.#pause);
    if (this.draft.trim() !== text) {
      this.draft = text;
    }
    this.showsProblems = true;
  }

  override focus(): void {
    this.#input.value?.focus();
    this.#input.value?.select();
  }

  override connectedCallback(): void {
    super.connectedCallback();
    // Applies text that was typed just before the box was moved in the document.
    if (this.hasUpdated) {
      this.#settle(true);
    }
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#pause);
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!this.hasUpdated) {
      this.reset(this.text);
    }
    if (changed.has("invalidPart") && this.invalidPart?.text === this.text) {
      this.refused = this.invalidPart;
    }
    this.#suggest();
  }

  protected override updated(changed: PropertyValues<this>): void {
    // Applies text that was typed while another text was applied.
    if (changed.has("text") && this.draft.trim() !== this.text) {
      this.#settle(false);
    }
  }

  /** Returns the text in the box with its error, if known; undefined if the text is applied. */
  unapplied(applied: string): Draft | undefined {
    const text = this.draft.trim();
    const refusal = this.refused?.text === text ? this.refused.refusal : undefined;
    return !this.hasUpdated || text === applied ? undefined : { text, refusal };
  }

  protected override render(): TemplateResult {
    const { query } = this.texts;
    const suggestions = this.isOpen ? this.suggested.all : [];
    const isOpen = suggestions.length > 0;
    const typed = this.showsProblems && this.refused?.text === this.draft.trim() ? this.refused : undefined;
    // Errors of the filters, or of the whole query, are shown as long as these exist.
    const other = this.invalidPart?.text === this.text ? undefined : this.invalidPart;
    const problem = typed ?? other;
    const described = [this.filters.length > 0 ? "query-filters" : "", problem ? "query-problems" : ""].filter(Boolean);
    return html`
      <search class="query" part="query">
        <div class="query-field">
          ${icon("search")}
          ${this.filters.length === 0 ? nothing : this.#filtersView()}
          <input
            ${ref(this.#input)}
            class="query-input"
            type="text"
            dir="ltr"
            role="combobox"
            autocomplete="off"
            autocapitalize="off"
            spellcheck="false"
            enterkeyhint="search"
            aria-label=${query.label}
            aria-autocomplete="list"
            aria-expanded=${isOpen}
            aria-controls="query-list"
            aria-activedescendant=${isOpen && this.marked >= 0 ? `query-option-${this.marked}` : nothing}
            aria-invalid=${problem === undefined ? nothing : "true"}
            aria-describedby=${described.length === 0 ? nothing : described.join(" ")}
            placeholder=${this.filters.length === 0 ? query.placeholder : nothing}
            .value=${this.draft}
            @input=${this.#typed}
            @keydown=${(event: KeyboardEvent) => this.#key(event, suggestions)}
            @click=${() => this.#open(true)}
            @copy=${this.#copied}
            @blur=${this.#blurred}
          />
          <kbd class="query-key" aria-hidden="true">/</kbd>
          ${
            this.filters.length === 0 || !this.#isApplied
              ? nothing
              : html`<button type="button" class="quiet square" aria-label=${query.copy} title=${query.copy} @click=${this.#copy}>${icon(this.did === query.copied ? "check" : "copy")}</button>`
          }
          ${
            this.draft === "" && this.filters.length === 0
              ? nothing
              : html`<button type="button" class="quiet square" aria-label=${query.clear} title=${query.clear} @click=${this.#clear}>${icon("close")}</button>`
          }
        </div>
        <ul id="query-list" class="query-list" role="listbox" aria-label=${query.suggestions} ?hidden=${!isOpen}>
          ${suggestions.map((suggestion, place) => this.#option(suggestion, place))}
        </ul>
        <p class="sr" role="status">${isOpen ? query.suggested(suggestions.length) : ""}</p>
        <p class="sr" role="status">${this.did === "" ? nothing : value(this.did)}</p>
        ${
          problem === undefined
            ? nothing
            : html`<div id="query-problems" class="query-problems tone-bad" role="alert">
              ${icon("fail")}${this.#problem(problem.text, problem.refusal)}
            </div>`
        }
      </search>
    `;
  }

  #filtersView(): TemplateResult {
    const { query } = this.texts;
    return html`
      <ul id="query-filters" class="filters" role="list" aria-label=${query.filters}>
        ${this.filters.map((filter, place) => {
          const [name, says] = filterName(filter, this.texts, this.zone);
          return html`
            <li>
              <button
                type="button"
                class="filter"
                part="filter"
                title=${filter}
                data-invalid=${this.invalidPart?.text === filter}
                @click=${() => this.#remove(place)}
                @keydown=${(event: KeyboardEvent) => this.#filterKey(event, place)}
              ><span class="sr">${query.removeFilter} </span><span class="filter-says">${name === "" ? nothing : html`<span class="filter-name">${name}:</span> `}${value(says, 60)}</span>${icon("close")}</button>
            </li>`;
        })}
      </ul>
    `;
  }

  #option(suggestion: Suggestion, place: number): TemplateResult {
    return html`
      <li
        id="query-option-${place}"
        role="option"
        class=${place === this.marked ? "marked" : nothing}
        aria-selected=${place === this.marked}
        @pointerdown=${(event: Event) => event.preventDefault()}
        @click=${() => this.#isFresh && this.#pick(suggestion)}
      >
        <code>${value(suggestion.label, 80)}</code>
        <span class="faint">${this.#about(suggestion)}</span>
      </li>
    `;
  }

  /** Renders an error in a query: where it is, and how to fix it. */
  #problem(text: string, { at: [begin, end], message, hint, phrases }: QueryError): TemplateResult {
    const before = text.slice(Math.max(0, begin - CONTEXT_CHARS), begin);
    const after = text.slice(end, end + CONTEXT_CHARS);
    const cut = (isCut: boolean) => (isCut ? "…" : nothing);
    return html`
      <span>
        <code class="query-place" dir="ltr">${cut(begin > CONTEXT_CHARS)}${before === "" ? nothing : value(before, CONTEXT_CHARS)}<mark>${value(text.slice(begin, end) || " ", 2 * CONTEXT_CHARS)}</mark>${after === "" ? nothing : value(after, CONTEXT_CHARS)}${cut(end + CONTEXT_CHARS < text.length)}</code>
        <span class="query-why">${sentenceView(message, phrases, this.texts)}. ${sentenceView(hint, phrases, this.texts)}.</span>
      </span>
    `;
  }

  /** Requests suggestions at the caret, unless one is marked. */
  #suggest(): void {
    const caret = this.#input.value?.selectionStart ?? this.draft.length;
    const key = `${this.found?.query} ${this.found?.searched} ${caret} ${this.draft}`;
    if (!this.isOpen || this.marked >= 0 || key === this.#requestKey) {
      return;
    }
    this.#requestKey = key;
    const draft = this.draft;
    void this.index?.suggest(draft, caret).then(
      (all) => {
        if (key === this.#requestKey && this.marked < 0) {
          this.suggested = { draft, all };
        }
      },
      () => {},
    );
  }

  /** True if the suggestions belong to the current text. */
  get #isFresh(): boolean {
    return this.suggested.draft === this.draft;
  }

  #about({ kind, label, about, count }: Suggestion): string {
    const { query, figures } = this.texts;
    const names: Readonly<Record<string, { name: string; about: string }>> = query.members;
    const known = kind === "field" ? names[label.replace(/:$/, "")]?.about : (names[about ?? ""]?.name ?? about);
    return [known, count === undefined ? undefined : figures.count(count)].filter(Boolean).join(" · ");
  }

  readonly #typed = (event: Event): void => {
    this.draft = (event.target as HTMLInputElement).value;
    this.showsProblems = false;
    this.isOpen = true;
    this.marked = -1;
    this.did = "";
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => this.#settle(false), PAUSE_MS);
    emit(this, "query-typed", undefined);
  };

  readonly #blurred = (): void => {
    this.#open(false);
    this.#settle(true);
  };

  readonly #clear = (): void => {
    emit(this, "query-cleared", undefined);
    this.focus();
  };

  readonly #copy = async (): Promise<void> => {
    const { query } = this.texts;
    this.did = (await copy(this.query)) ? query.copied : query.notCopied;
  };

  /** Copies the filters with the text if all of it is selected. The text alone would find more events elsewhere. */
  readonly #copied = (event: ClipboardEvent): void => {
    const input = event.target as HTMLInputElement;
    const isAll = input.selectionStart === 0 && input.selectionEnd === input.value.length && input.value !== "";
    if (isAll && this.filters.length > 0 && this.#isApplied) {
      event.preventDefault();
      event.clipboardData?.setData("text/plain", this.query);
    }
  };

  /** Removes a filter, and moves the focus to the next one. */
  #remove(place: number): void {
    const filter = this.filters[place];
    if (filter === undefined) {
      return;
    }
    const isFocused = this.querySelectorAll(".filter")[place]?.matches(":focus") === true;
    const [name, says] = filterName(filter, this.texts, this.zone);
    this.did = this.texts.query.filterRemoved(name === "" ? says : `${name}: ${says}`);
    emit(this, "filter-removed", { filter });
    if (isFocused) {
      void this.updateComplete.then(() => {
        const left = this.querySelectorAll<HTMLElement>(".filter");
        (left[Math.min(place, left.length - 1)] ?? this.#input.value)?.focus();
      });
    }
  }

  #filterKey(event: KeyboardEvent, place: number): void {
    if ((event.key === "Delete" || event.key === "Backspace") && !event.repeat) {
      event.preventDefault();
      event.stopPropagation();
      this.#remove(place);
    }
  }

  #key(event: KeyboardEvent, suggestions: readonly Suggestion[]): void {
    if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    const count = this.#isFresh ? suggestions.length : 0;
    const marked = suggestions[this.marked];
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && count > 0) {
      const from = this.marked < 0 && event.key === "ArrowUp" ? 0 : this.marked;
      this.marked = (from + (event.key === "ArrowDown" ? 1 : count - 1)) % count;
      void this.updateComplete.then(() =>
        this.querySelector(".query-list .marked")?.scrollIntoView({ block: "nearest" }),
      );
    } else if (event.key === "ArrowDown" && !this.isOpen) {
      this.#open(true);
    } else if ((event.key === "Enter" || event.key === "Tab") && marked !== undefined && !event.shiftKey) {
      this.#pick(marked);
    } else if (event.key === "Enter") {
      this.#open(false);
      this.#settle(true);
    } else if (event.key === "Backspace" && this.#isAtBegin && this.filters.length > 0 && !event.repeat) {
      this.#remove(this.filters.length - 1);
    } else if (event.key === "Escape" && count > 0) {
      this.#open(false);
    } else if (event.key === "Escape") {
      emit(this, "query-left", undefined);
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  /** True if the text in the box is applied. */
  get #isApplied(): boolean {
    return this.draft.trim() === this.text && this.invalidPart === undefined;
  }

  /** True if the caret is at the start of the text, so that Backspace deletes nothing there. */
  get #isAtBegin(): boolean {
    const { selectionStart, selectionEnd } = this.#input.value ?? {};
    return selectionStart === 0 && selectionEnd === 0;
  }

  #open(isOpen: boolean): void {
    this.isOpen = isOpen;
    this.marked = -1;
    // Suggestions depend on the position of the caret.
    this.requestUpdate();
  }

  #pick({ kind, text, at, end, caret }: Suggestion): void {
    const input = this.#input.value;
    const rest = this.draft.slice(end);
    // A complete word is followed by a space.
    const space = kind !== "field" && !rest.startsWith(" ") ? " " : "";
    this.draft = `${this.draft.slice(0, at)}${text}${space}${rest}`;
    this.#open(kind === "field");
    this.showsProblems = false;
    emit(this, "query-typed", undefined);
    if (kind !== "field") {
      this.#settle(false);
    }
    void this.updateComplete.then(() => {
      const place = caret + space.length;
      input?.focus();
      input?.setSelectionRange(place, place);
      // Suggestions depend on the position of the caret.
      this.requestUpdate();
    });
  }

  /** Applies the text unless it is invalid. */
  #settle(isFinal: boolean): void {
    clearTimeout(this.#pause);
    this.showsProblems ||= isFinal;
    const text = this.draft.trim();
    if (text !== this.text) {
      void this.#ask(text);
    }
  }

  async #ask(text: string): Promise<void> {
    const refusal = await this.index?.check(text).catch(() => undefined);
    if (text !== this.draft.trim()) {
      return;
    }
    this.refused = refusal && { text, refusal };
    if (refusal === undefined) {
      emit(this, "query-changed", { text });
    } else {
      emit(this, "query-typed", undefined);
    }
  }
}

define("cs-query", QueryBox);
