import { html, nothing, type TemplateResult } from "lit";
import { bytes, count, counted } from "../format.ts";
import { icon } from "../icons.ts";
import { optional, View, value, wish } from "../view.ts";
import { type Arrived, loadExport, Refused } from "./load.ts";
import type { Refusal } from "./refusal.ts";
import { conditions, exportAddress, isToken, pinnedSize, type Wanted } from "./request.ts";

type State =
  | { readonly is: "idle" }
  | { readonly is: "loading"; readonly arrived: Arrived | undefined }
  | { readonly is: "refused"; readonly refusal: Refusal };

const NO_CONDITIONS: Wanted = { actor: "", action: "", since: "", until: "", words: "" };

/** How often a screen reader is told how much has come, in seconds. */
const TELL = 5;

/** Loads an export from the log that serves the page, and gives it to the page as a file that was chosen. */
export class LogPanel extends View {
  #state: State = { is: "idle" };
  #wanted = NO_CONDITIONS;
  #pinned: number | undefined;
  #loading: AbortController | undefined;
  #complaint: { readonly field: string; readonly text: string } | undefined;
  #said = "";
  #told = 0;

  /** Takes what the reader has pinned. */
  show(pins: readonly string[]): void {
    const pinned = pinnedSize(pins);
    if (pinned === this.#pinned) return;
    this.#pinned = pinned;
    this.requestUpdate();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#loading?.abort();
  }

  protected override render(): TemplateResult {
    return html`
      <section class="panel log" aria-labelledby="log-heading">
        <h2 id="log-heading">From this log</h2>
        ${location.protocol === "file:" ? SAVED : this.#parts()}
      </section>
    `;
  }

  #parts(): TemplateResult {
    return html`
      <p class="help">
        Load an export from ${value(location.host)}, which serves this page. What you trust is still for you to bring: nothing of that
        comes from the log.
      </p>
      ${isSecureContext ? nothing : PLAIN}
      <form @submit=${this.#submit} @input=${this.#changed} novalidate>
        <div class="field token">
          <label for="token">Reader’s token</label>
          <input
            id="token"
            name="token"
            type="password"
            class="mono"
            autocomplete="off"
            autocapitalize="off"
            spellcheck="false"
            aria-describedby="token-help log-complaint"
            aria-invalid=${this.#invalid("token")}
          />
          <p id="token-help" class="help">From whoever runs the log. It is forgotten when you close this page.</p>
        </div>
        ${this.#conditions()}
        <p id="log-complaint" class="complaint" role="alert">${this.#complaint?.text ?? nothing}</p>
        ${this.#state.is === "loading" ? nothing : LOAD}
      </form>
      ${this.#progress()}
      ${this.#refusal()}
      <p class="sr" role="status">${this.#said}</p>
    `;
  }

  #conditions(): TemplateResult {
    const set = conditions(this.#wanted);
    return html`
      <details class="conditions">
        <summary>Only some events${set > 0 ? html` <span class="faint">${counted(set, "condition")}</span>` : nothing}</summary>
        <div class="fields">
          ${this.#field("actor", "Actor", { help: "The actor’s id, as it is in events." })}
          ${this.#field("action", "Action", { help: "One such as job.update, or all of a kind: job.*" })}
          ${this.#field("words", "Words", { help: "All of them are in the event, in either case." })}
          ${this.#field("since", "Since, in UTC", { type: "datetime-local" })}
          ${this.#field("until", "Before, in UTC", { type: "datetime-local" })}
        </div>
        ${
          this.#pinned === undefined
            ? nothing
            : html`<p class="help boundary">The log is told that your pin is at ${count(this.#pinned)} leaves: only a part that is cut there can be held against it.</p>`
        }
      </details>
    `;
  }

  #field(name: keyof Wanted, label: string, { help = "", type = "text" }): TemplateResult {
    return html`
      <div class="field">
        <label for=${`log-${name}`}>${label}</label>
        <input
          id=${`log-${name}`}
          name=${name}
          type=${type}
          step=${type === "text" ? nothing : 1}
          autocomplete="off"
          autocapitalize="off"
          spellcheck="false"
          aria-describedby=${help ? `log-${name}-help log-complaint` : "log-complaint"}
          aria-invalid=${this.#invalid(name)}
        />
        ${help ? html`<p id=${`log-${name}-help`} class="help">${help}</p>` : nothing}
      </div>
    `;
  }

  #progress(): TemplateResult | typeof nothing {
    if (this.#state.is !== "loading") return nothing;
    const { arrived } = this.#state;
    return html`
      <div class="loading">
        <progress aria-label="Loading an export"></progress>
        <div class="loading-foot">
          <p class="progress-figures">
            <span>${arrived === undefined ? "Waiting for the log" : `${bytes(arrived.bytes)} so far`}</span>
            <span>${arrived && arrived.seconds > 0.5 ? `${bytes(arrived.bytes / arrived.seconds)}/s` : nothing}</span>
          </p>
          <button type="button" @click=${() => this.#loading?.abort()}>Cancel<span class="sr"> loading</span></button>
        </div>
      </div>
    `;
  }

  #refusal(): TemplateResult | typeof nothing {
    if (this.#state.is !== "refused") return nothing;
    const { title, todo, said } = this.#state.refusal;
    return html`
      <div class="refused tone-bad" role="alert">
        <p class="refused-title">${icon("fail")}${title}</p>
        <p>${todo}</p>
        ${
          said === undefined
            ? nothing
            : html`<p class="help">The log says: ${value(said.message, 1000)}${said.hint === undefined ? nothing : html` (${optional(said.hint, 1000)})`} <code>${optional(said.code, 100)}</code></p>`
        }
      </div>
    `;
  }

  #invalid(field: string): "true" | typeof nothing {
    return this.#complaint?.field === field ? "true" : nothing;
  }

  readonly #changed = (event: Event): void => {
    this.#wanted = wanted(event.currentTarget as HTMLFormElement);
    this.requestUpdate();
  };

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    if (this.#state.is === "loading") return;
    const form = event.currentTarget as HTMLFormElement;
    const token = String(new FormData(form).get("token")).trim();
    this.#wanted = wanted(form);
    this.#complaint = complaint(form, token);
    if (this.#complaint === undefined) {
      void this.#load(token);
      return;
    }
    this.requestUpdate();
    const field = form.querySelector<HTMLInputElement>(`[name="${this.#complaint.field}"]`);
    field?.closest("details")?.setAttribute("open", "");
    field?.focus();
  };

  async #load(token: string): Promise<void> {
    const loading = new AbortController();
    this.#loading = loading;
    this.#told = 0;
    const wasOnButton = this.#hasFocus("[type=submit]");
    this.#enter({ is: "loading", arrived: undefined }, "Loading an export");
    if (wasOnButton) await this.#focus(".loading button");
    try {
      const file = await loadExport(exportAddress(location, this.#wanted, this.#pinned), {
        token,
        signal: loading.signal,
        onArrived: (arrived) => this.#arrived(arrived),
      });
      this.#leave({ is: "idle" }, `Loaded ${bytes(file.size)}`);
      this.dispatchEvent(wish("choose-loaded", file));
    } catch (error) {
      if (loading.signal.aborted) this.#leave({ is: "idle" }, "Cancelled, nothing was loaded");
      else if (error instanceof Refused) this.#leave({ is: "refused", refusal: error.refusal }, "");
      else throw error;
    }
  }

  #arrived(arrived: Arrived): void {
    const tells = arrived.seconds >= this.#told + TELL;
    if (tells) this.#told = arrived.seconds;
    this.#enter({ is: "loading", arrived }, tells ? `${bytes(arrived.bytes)} so far` : this.#said);
  }

  #enter(state: State, said: string): void {
    this.#state = state;
    this.#said = said;
    this.requestUpdate();
  }

  /** The button that cancels goes away, and the focus must not go with it. */
  #leave(state: State, said: string): void {
    const wasOnButton = this.#hasFocus(".loading button");
    this.#enter(state, said);
    if (wasOnButton) void this.#focus("[type=submit]");
  }

  #hasFocus(selector: string): boolean {
    return document.activeElement !== null && document.activeElement === this.querySelector(selector);
  }

  async #focus(selector: string): Promise<void> {
    await this.updateComplete;
    this.querySelector<HTMLElement>(selector)?.focus();
  }
}

const LOAD = html`
  <div class="buttons"><button type="submit" class="primary">Load an export</button></div>
`;

const SAVED = html`
  <p class="help">This is a saved copy of a page that a log serves. Open it at the log’s address to load an export, or choose a file below.</p>
`;

const PLAIN = html`
  <p class="plain tone-doubt">
    ${icon("warning")}<span>This page came without encryption: whoever is on the way can read a token that you send, and could have changed the page.</span>
  </p>
`;

function wanted(form: HTMLFormElement): Wanted {
  const fields = new FormData(form);
  const text = (name: string) => String(fields.get(name) ?? "");
  return {
    actor: text("actor"),
    action: text("action"),
    since: text("since"),
    until: text("until"),
    words: text("words"),
  };
}

/** What must be corrected first. */
function complaint(form: HTMLFormElement, token: string): { field: string; text: string } | undefined {
  if (token !== "" && !isToken(token)) {
    return { field: "token", text: "A token is one word without spaces. Copy it again, alone." };
  }
  for (const field of ["since", "until"]) {
    const input = form.querySelector<HTMLInputElement>(`[name="${field}"]`);
    if (input?.validity.badInput)
      return { field, text: "The time is not whole: give a date and a time, or neither." };
  }
  return undefined;
}
