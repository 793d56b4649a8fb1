import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { createRef, ref } from "lit/directives/ref.js";
import type { EventIndex, Found, Refusal, Suggestion } from "../index/types.js";
import { icon } from "./icons.js";
import { said, value } from "./value.js";
import { define, given, own, TextView, wish } from "./view.js";

/** How long one may write on before the search follows, in milliseconds. */
const PAUSE = 200;
/** How much of a query is shown around what is not understood, in characters. */
const AROUND = 40;

/** Where one writes what is looked for. Fires `query-changed` {text}, and `query-left` for Escape. */
export class QueryBox extends TextView {
  static override properties = {
    ...given("text", "found", "index", "refusal"),
    ...own("draft", "refused", "showsProblems", "isOpen", "marked", "suggested"),
  };

  text: string = "";
  declare found: Found | undefined;
  /** Who understands it, and suggests. */
  declare index: Pick<EventIndex, "check" | "suggest"> | undefined;
  /** Why `text` was not asked. */
  declare refusal: Refusal | undefined;
  private draft = "";
  /** What of the draft is not understood, as far as that is known. */
  declare private refused: { readonly text: string; readonly refusal: Refusal } | undefined;
  private showsProblems = true;
  private isOpen = false;
  private marked = -1;
  /** What was asked for last, and what came of it. */
  #asked = "";
  private suggested: { readonly draft: string; readonly all: readonly Suggestion[] } = { draft: "", all: [] };
  #pause: ReturnType<typeof setTimeout> | undefined;
  readonly #input = createRef<HTMLInputElement>();

  /** The text in the box if it isn't the one that is applied, and why it is refused, if it is. */
  get pending(): { readonly text: string; readonly refusal: Refusal | undefined } | undefined {
    const text = this.draft.trim();
    const { refused } = this;
    return text === this.text ? undefined : { text, refusal: refused?.text === text ? refused.refusal : undefined };
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
    if (changed.has("text") && this.text !== this.draft.trim()) {
      this.draft = this.text;
      this.showsProblems = true;
    }
    if (changed.has("refusal") && this.refusal !== undefined) {
      this.refused = { text: this.text, refusal: this.refusal };
    }
    this.#suggest();
  }

  protected override render(): TemplateResult {
    const { query } = this.texts;
    const suggestions = this.isOpen ? this.suggested.all : [];
    const isOpen = suggestions.length > 0;
    const problem = this.showsProblems && this.refused?.text === this.draft.trim() ? this.refused : undefined;
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
            aria-activedescendant=${isOpen && this.marked >= 0 ? `query-option-${this.marked}` : nothing}
            aria-invalid=${problem === undefined ? nothing : "true"}
            aria-describedby=${problem === undefined ? nothing : "query-problems"}
            placeholder=${query.placeholder}
            .value=${this.draft}
            @input=${this.#typed}
            @keydown=${(event: KeyboardEvent) => this.#key(event, suggestions)}
            @click=${() => this.#open(true)}
            @blur=${this.#blurred}
          />
          <kbd class="query-key" aria-hidden="true">/</kbd>
          ${
            this.draft === ""
              ? nothing
              : html`<button type="button" class="quiet square" aria-label=${query.clear} title=${query.clear} @click=${this.#clear}>${icon("close")}</button>`
          }
        </div>
        <ul id="query-list" class="query-list" role="listbox" aria-label=${query.suggestions} ?hidden=${!isOpen}>
          ${suggestions.map((suggestion, place) => this.#option(suggestion, place))}
        </ul>
        <p class="sr" role="status">${isOpen ? query.suggested(suggestions.length) : ""}</p>
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

  /** What is not understood, marked where it stands, and what to do about it. */
  #problem(text: string, { at: [begin, end], message, hint }: Refusal): TemplateResult {
    const before = text.slice(Math.max(0, begin - AROUND), begin);
    const after = text.slice(end, end + AROUND);
    const cut = (isCut: boolean) => (isCut ? "…" : nothing);
    return html`
      <span>
        <code class="query-place" dir="ltr">${cut(begin > AROUND)}${before === "" ? nothing : value(before, AROUND)}<mark>${value(text.slice(begin, end) || " ", 2 * AROUND)}</mark>${after === "" ? nothing : value(after, AROUND)}${cut(end + AROUND < text.length)}</code>
        <span class="query-why">${said(message, this.texts)}. ${said(hint, this.texts)}.</span>
      </span>
    `;
  }

  /** Asks what could stand where the caret is. What is marked stays where it is. */
  #suggest(): void {
    const caret = this.#input.value?.selectionStart ?? this.draft.length;
    const asked = `${this.found?.question} ${this.found?.searched} ${caret} ${this.draft}`;
    if (!this.isOpen || this.marked >= 0 || asked === this.#asked) {
      return;
    }
    this.#asked = asked;
    const draft = this.draft;
    void this.index?.suggest(draft, caret).then(
      (all) => {
        if (asked === this.#asked && this.marked < 0) {
          this.suggested = { draft, all };
        }
      },
      () => {},
    );
  }

  /** Whether what is offered fits what is written now. */
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
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => this.#settle(false), PAUSE);
  };

  readonly #blurred = (): void => {
    this.#open(false);
    this.#settle(true);
  };

  readonly #clear = (): void => {
    this.draft = "";
    this.#settle(true);
    this.focus();
  };

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
    this.isOpen = isOpen;
    this.marked = -1;
    // What is offered depends on where the caret is, too.
    this.requestUpdate();
  }

  #pick({ kind, text, at, end, caret }: Suggestion): void {
    const input = this.#input.value;
    const rest = this.draft.slice(end);
    // What is complete is separated from what one writes next.
    const space = kind !== "field" && !rest.startsWith(" ") ? " " : "";
    this.draft = `${this.draft.slice(0, at)}${text}${space}${rest}`;
    this.#open(kind === "field");
    this.showsProblems = false;
    if (kind !== "field") {
      this.#settle(false);
    }
    void this.updateComplete.then(() => {
      const place = caret + space.length;
      input?.focus();
      input?.setSelectionRange(place, place);
      // What is offered depends on where the caret is now.
      this.requestUpdate();
    });
  }

  /** What was written is what is looked for, unless something is wrong with it. */
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
      this.dispatchEvent(wish("query-changed", { text }));
    }
  }
}

define("cs-query", QueryBox);
