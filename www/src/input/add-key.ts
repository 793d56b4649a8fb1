import { html, nothing, type TemplateResult } from "lit";
import { View, wish } from "../view.ts";
import { KEY_KINDS, type KeyKind } from "../words.ts";
import { keyParts, type SessionKey } from "./trust.ts";

/** Takes a single key by hand, and what it is trusted for. */
export class AddKey extends View {
  #complaint = "";

  protected override render(): TemplateResult {
    return html`
      <details class="add-key">
        <summary>Trust a single key</summary>
        <form @submit=${this.#add} novalidate>
          <label for="vkey">Verifier key</label>
          <input
            id="vkey"
            name="vkey"
            class="mono"
            autocomplete="off"
            autocapitalize="off"
            spellcheck="false"
            placeholder="name+1a2b3c4d+A…"
            aria-describedby="vkey-help vkey-complaint"
            aria-invalid=${this.#complaint ? "true" : nothing}
          />
          <p id="vkey-help" class="help">One line, from someone you trust: not from where the export comes from.</p>
          <p id="vkey-complaint" class="complaint" role="alert">${this.#complaint}</p>
          <fieldset>
            <legend>It is the key of</legend>
            ${Object.entries(KEY_KINDS).map(
              ([kind, words]) => html`
                <label class="choice">
                  <input type="radio" name="kind" value=${kind} ?checked=${kind === "emitter"} />
                  <span><strong>${words.title}</strong> <span class="help">${words.about}</span></span>
                </label>`,
            )}
          </fieldset>
          <button type="submit">Trust for this session</button>
        </form>
      </details>
    `;
  }

  readonly #add = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.target as HTMLFormElement;
    const fields = new FormData(form);
    const vkey = String(fields.get("vkey")).trim();
    this.#complaint = keyParts(vkey)
      ? ""
      : "This is no verifier key. One looks like name+1a2b3c4d+ and base64.";
    this.requestUpdate();
    if (this.#complaint) {
      form.querySelector("input")?.focus();
      return;
    }
    const key: SessionKey = { kind: String(fields.get("kind")) as KeyKind, vkey };
    form.reset();
    this.dispatchEvent(wish("add-key", key));
  };
}
