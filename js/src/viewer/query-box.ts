import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { createRef, ref } from "lit/directives/ref.js";
import { type Problem, parseQuery } from "../shelf/query.js";
import { type Suggestion, suggest, type Wanted, wanted } from "../shelf/suggest.js";
import type { ColumnValue, Found, Shelf } from "../shelf/types.js";
import { icon } from "./icons.js";
import { canAsk, hasNoTime, queryOf } from "./query.js";
import type { Texts } from "./texts/texts.js";
import { value } from "./value.js";
import { define, given, View, wish } from "./view.js";

/** How long one may write on before the search follows, in milliseconds. */
const PAUSE = 200;
/** Where one writes what is looked for. Fires `query-changed` {text}, and `query-left` for Escape. */
export class QueryBox extends View {
  static override properties = given("text", "found", "shelf", "texts");

  declare text: string;
  declare found: Found | undefined;
  /** Whose values are suggested. */
  declare shelf: Pick<Shelf, "values"> | undefined;
  declare texts: Texts;
  #draft = "";
  #showsProblems = true;
  #isOpen = false;
  #marked = -1;
  /** What the shelf was asked for last, and what it answered last. */
  #asked = "";
  #known: { readonly wanted: string; readonly values: readonly ColumnValue[] } | undefined;
  #pause: ReturnType<typeof setTimeout> | undefined;
  readonly #input = createRef<HTMLInputElement>();

  constructor() {
    super();
    this.text = "";
  }

  override focus(): void {
    this.#input.value?.focus();
    this.#input.value?.select();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    clearTimeout(this.#pause);
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("text") && this.text !== this.#draft.trim()) {
      this.#draft = this.text;
      this.#showsProblems = true;
    }
  }

  protected override render(): TemplateResult {
    const { query } = this.texts;
    const suggestions = this.#isOpen ? this.#suggestions() : [];
    const isOpen = suggestions.length > 0;
    const problems = this.#showsProblems ? this.#problems() : [];
    return html`
      <search class="query" part="query">
        <div class="query-field">
          ${icon("search")}
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
            aria-activedescendant=${isOpen && this.#marked >= 0 ? `query-option-${this.#marked}` : nothing}
            aria-invalid=${problems.length > 0 ? "true" : nothing}
            aria-describedby=${problems.length > 0 ? "query-problems" : nothing}
            placeholder=${query.placeholder}
            .value=${this.#draft}
            @input=${this.#typed}
            @keydown=${(event: KeyboardEvent) => this.#key(event, suggestions)}
            @click=${() => this.#open(true)}
            @blur=${this.#blurred}
          />
          <kbd class="query-key" aria-hidden="true">/</kbd>
          ${
            this.#draft === ""
              ? nothing
              : html`<button type="button" class="quiet square" aria-label=${query.clear} title=${query.clear} @click=${this.#clear}>${icon("close")}</button>`
          }
        </div>
        <ul id="query-list" class="query-list" role="listbox" aria-label=${query.suggestions} ?hidden=${!isOpen}>
          ${suggestions.map((suggestion, place) => this.#option(suggestion, place))}
        </ul>
        <p class="sr" role="status">${isOpen ? query.suggested(suggestions.length) : ""}</p>
        ${
          problems.length === 0
            ? nothing
            : html`<div id="query-problems" class="query-problems" role="alert">
              <ul>${problems.map((problem) => html`<li class="tone-bad">${icon("fail")}<span>${problem}</span></li>`)}</ul>
            </div>`
        }
      </search>
    `;
  }

  #option(suggestion: Suggestion, place: number): TemplateResult {
    return html`
      <li
        id="query-option-${place}"
        role="option"
        class=${place === this.#marked ? "marked" : nothing}
        aria-selected=${place === this.#marked}
        @pointerdown=${(event: Event) => event.preventDefault()}
        @click=${() => this.#pick(suggestion)}
      >
<code>${value(suggestion.label, 80)}${suggestion.kind === "member" ? ":" : nothing}</code>
        <span class="faint">${this.#about(suggestion)}</span>
      </li>
    `;
  }

  /** What is wrong with what is written, each with the text in question. */
  #problems(): readonly TemplateResult[] {
    const { query } = this.texts;
    const told = parseQuery(this.#draft).problems.map(({ code, at, end }: Problem) => {
      const text = this.#draft.slice(at, end).trim();
      return html`${text === "" ? nothing : html`<code>${value(text, 60)}</code> `}${query.problems[code]}`;
    });
    return hasNoTime(queryOf(this.#draft)) ? [...told, html`${query.emptyTime}`] : told;
  }

  #suggestions(): readonly Suggestion[] {
    const caret = this.#input.value?.selectionStart ?? this.#draft.length;
    const asked = wanted(this.#draft, caret);
    const text = JSON.stringify(asked ?? null);
    const question = `${this.found?.question} ${this.found?.searched} ${text}`;
    if (asked !== undefined && question !== this.#asked && this.#marked < 0) {
      this.#asked = question;
      void this.#learn(asked, text);
    }
    // Until the shelf answers, what was found most often is suggested.
    return suggest(this.#draft, caret, this.found, this.#known?.wanted === text ? this.#known.values : undefined);
  }

  async #learn({ column, text }: Wanted, wanted: string): Promise<void> {
    const values = await this.shelf?.values(column, text).catch(() => undefined);
    // What is marked stays where it is.
    if (values !== undefined && this.#marked < 0) {
      this.#known = { wanted, values };
      this.requestUpdate();
    }
  }

  #about({ kind, label, member, count }: Suggestion): string {
    const { query, figures } = this.texts;
    const names: Readonly<Record<string, { name: string; about: string }>> = query.members;
    if (kind === "member") {
      return names[label]?.about ?? "";
    }
    return [names[member ?? ""]?.name, count === undefined ? undefined : figures.count(count)]
      .filter(Boolean)
      .join(" · ");
  }

  readonly #typed = (event: Event): void => {
    this.#draft = (event.target as HTMLInputElement).value;
    this.#showsProblems = false;
    this.#isOpen = true;
    this.#marked = -1;
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => this.#settle(false), PAUSE);
    this.requestUpdate();
  };

  readonly #blurred = (): void => {
    this.#open(false);
    this.#settle(true);
  };

  readonly #clear = (): void => {
    this.#draft = "";
    this.#settle(true);
    this.focus();
  };

  #key(event: KeyboardEvent, suggestions: readonly Suggestion[]): void {
    if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey) {
      return;
    }
    const count = suggestions.length;
    const marked = suggestions[this.#marked];
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && count > 0) {
      const from = this.#marked < 0 && event.key === "ArrowUp" ? 0 : this.#marked;
      this.#marked = (from + (event.key === "ArrowDown" ? 1 : count - 1)) % count;
      this.requestUpdate();
      void this.updateComplete.then(() =>
        this.querySelector(".query-list .marked")?.scrollIntoView({ block: "nearest" }),
      );
    } else if (event.key === "ArrowDown" && !this.#isOpen) {
      this.#open(true);
    } else if ((event.key === "Enter" || event.key === "Tab") && marked !== undefined && !event.shiftKey) {
      this.#pick(marked);
    } else if (event.key === "Enter") {
      this.#open(false);
      this.#settle(true);
    } else if (event.key === "Escape" && count > 0) {
      this.#open(false);
    } else if (event.key === "Escape") {
      this.dispatchEvent(wish("query-left", undefined));
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  #open(isOpen: boolean): void {
    this.#isOpen = isOpen;
    this.#marked = -1;
    this.requestUpdate();
  }

  #pick({ kind, text, at, end, caret }: Suggestion): void {
    const input = this.#input.value;
    const rest = this.#draft.slice(end);
    // What is complete is parted from what one writes next.
    const space = kind === "value" && !rest.startsWith(" ") ? " " : "";
    this.#draft = `${this.#draft.slice(0, at)}${text}${space}${rest}`;
    this.#open(kind === "member");
    this.#showsProblems = false;
    if (kind === "value") {
      this.#settle(false);
    }
    void this.updateComplete.then(() => {
      const place = caret + (kind === "value" ? 1 : 0);
      input?.focus();
      input?.setSelectionRange(place, place);
      // What is offered depends on where the caret is now.
      this.requestUpdate();
    });
  }

  /** What was written is what is looked for, unless something is wrong with it. */
  #settle(isFinal: boolean): void {
    clearTimeout(this.#pause);
    this.#showsProblems ||= isFinal;
    const text = this.#draft.trim();
    if (text !== this.text && canAsk(text)) {
      this.dispatchEvent(wish("query-changed", { text }));
    }
    this.requestUpdate();
  }
}

define("cs-query", QueryBox);
