import { html, nothing, type TemplateResult } from "lit";
import { ref } from "lit/directives/ref.js";
import { count, counted, moment } from "../format.ts";
import { icon } from "../icons.ts";
import { copy } from "../save.ts";
import { View, value, wish } from "../view.ts";
import { type Json, parseJson } from "./json.ts";
import { STANDINGS, type Standing } from "./standing.ts";
import type { StoredEvent } from "./store.ts";

/** An event to be shown, and where it stands in the list. */
export interface Shown {
  readonly event: StoredEvent;
  readonly standing: Standing;
  readonly row: number;
  readonly of: number;
}

/** Values longer than this are clipped until all of the event is asked for. */
const VALUE_SHOWN = 2_000;
/** So many members or items of one object or array are drawn. */
const MEMBERS_SHOWN = 200;
/** So many characters of the text as it stands are drawn before all of it is asked for. */
const TEXT_SHOWN = 20_000;

/** One event: as parsed from the bytes that matched, and those bytes. */
export class EventDetails extends View {
  #shown: Shown | undefined;
  #whole = false;
  #copied = "";
  #dialog: HTMLDialogElement | undefined;

  show(shown: Shown): void {
    this.#shown = shown;
    this.#whole = false;
    this.#copied = "";
    this.requestUpdate();
    void this.updateComplete.then(() => {
      if (!this.#dialog?.open) this.#dialog?.showModal();
      this.#dialog?.querySelector(".details-body")?.scrollTo(0, 0);
    });
  }

  close(): void {
    this.#dialog?.close();
  }

  protected override render(): TemplateResult {
    return html`
      <dialog
        class="details"
        aria-labelledby="details-heading"
        ${ref((element) => {
          this.#dialog = element as HTMLDialogElement | undefined;
        })}
        @click=${(event: Event) => event.target === this.#dialog && this.close()}
      >
        ${this.#shown === undefined ? nothing : this.#content(this.#shown)}
      </dialog>
    `;
  }

  #content({ event, standing, row, of }: Shown): TemplateResult {
    const words = STANDINGS[standing];
    return html`
      <div class="details-head">
        <h2 id="details-heading">Event on line ${count(event.line)}</h2>
        <div class="details-moves">
          <button type="button" class="quiet square" aria-label="Previous event" ?disabled=${row === 0} @click=${() => this.#go(row - 1)}>${icon("up")}</button>
          <button type="button" class="quiet square" aria-label="Next event" ?disabled=${row === of - 1} @click=${() => this.#go(row + 1)}>${icon("down")}</button>
          <button type="button" class="quiet square" aria-label="Close" @click=${() => this.close()}>${icon("close")}</button>
        </div>
      </div>
      <div class="details-body" tabindex="0" role="group" aria-labelledby="details-heading">
        <p class="standing tone-${words.tone}"><span class="state tone-${words.tone}">${icon(words.icon)}${words.word}</span> ${words.why}</p>
        <h3>As recorded</h3>
        ${this.#tree(event.text)}
        <h3>Its place</h3>
        <dl class="facts">
          <div><dt>Recorded at</dt><dd><time datetime=${event.time}>${moment(event.time)}</time> by the signer’s clock</dd></div>
          <div><dt>Chain</dt><dd><code>${event.chain}</code></dd></div>
          <div><dt>Seq</dt><dd>${count(event.seq)}</dd></div>
          <div><dt>Leaf</dt><dd>${count(event.index)}</dd></div>
          <div><dt>Line</dt><dd>${count(event.line)}</dd></div>
          <div class="wide"><dt>Signer</dt><dd><code class="vkey">${value(event.vkey, 2000)}</code></dd></div>
        </dl>
        <h3>The bytes that were verified</h3>
        ${this.#text(event.text)}
      </div>
    `;
  }

  #tree(text: string): TemplateResult {
    try {
      return this.#json(parseJson(text));
    } catch {
      return html`<p>This page cannot show its members; the bytes are below.</p>`;
    }
  }

  #json(json: Json): TemplateResult {
    switch (json.kind) {
      case "literal":
        return html`<span class="literal">${value(json.source, this.#limit(VALUE_SHOWN))}</span>`;
      case "string":
        return html`<span class="string">${json.value === "" ? html`<span class="faint">empty</span>` : value(json.value, this.#limit(VALUE_SHOWN))}</span>`;
      case "object":
        return this.#members(json.members, "{ }");
      case "array":
        return this.#members(
          json.items.map((item, place) => [String(place), item] as const),
          "[ ]",
        );
    }
  }

  #members(members: readonly (readonly [string, Json])[], empty: string): TemplateResult {
    if (members.length === 0) return html`<span class="faint">${empty}</span>`;
    const shown = members.slice(0, this.#limit(MEMBERS_SHOWN));
    const more = members.length - shown.length;
    return html`
      <dl class="members">
        ${shown.map(([name, of]) => html`<div><dt>${value(name)}</dt><dd>${this.#json(of)}</dd></div>`)}
      </dl>
      ${more > 0 ? html`<p class="faint">${counted(more, "more")} not drawn.</p>` : nothing}
    `;
  }

  #text(text: string): TemplateResult {
    const shown = this.#whole ? text : text.slice(0, TEXT_SHOWN);
    return html`
      <pre class="raw" tabindex="0" role="group" aria-label="The bytes that were verified"><code>${shown}</code></pre>
      <p class="details-actions">
        ${
          this.#isClipped(text)
            ? html`<button type="button" class="quiet" @click=${this.#showAll}>Show all ${count(text.length)} characters</button>`
            : nothing
        }
        <button type="button" class="quiet" @click=${() => void this.#copy(text)}>Copy</button>
        <span role="status">${this.#copied}</span>
      </p>
    `;
  }

  #isClipped(text: string): boolean {
    return !this.#whole && text.length > VALUE_SHOWN;
  }

  #limit(usual: number): number {
    return this.#whole ? Number.POSITIVE_INFINITY : usual;
  }

  readonly #showAll = (): void => {
    this.#whole = true;
    this.requestUpdate();
  };

  async #copy(text: string): Promise<void> {
    this.#copied = (await copy(text))
      ? "Copied"
      : "The browser does not allow it: select the text and copy it";
    this.requestUpdate();
  }

  #go(row: number): void {
    this.dispatchEvent(wish("show-event", row));
  }
}
