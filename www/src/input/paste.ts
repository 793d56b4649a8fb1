import { html, nothing, type TemplateResult } from "lit";
import { emit } from "../emit.ts";
import type { PageTexts } from "../texts/en.ts";
import { View } from "../view.ts";
import { onlyKey, recognizeText } from "./recognize.ts";
import type { KeyKind, SessionKey } from "./trust.ts";

/** The field for a trust file, a single key, or a pin as text, and for the role of a key. */
export class Paste extends View {
  static override properties = { texts: { attribute: false } };
  declare texts: PageTexts;
  #text = "";
  #complains = false;

  /** Puts a text into the field, so that the reader can choose the role of its key. */
  offer(text: string): void {
    this.#text = text;
    this.#complains = false;
    this.requestUpdate();
    void this.updateComplete.then(() => {
      this.querySelector("details")?.setAttribute("open", "");
      const question = this.querySelector<HTMLElement>("input[type=radio]:checked");
      (question ?? this.querySelector("textarea"))?.focus();
    });
  }

  protected override render(): TemplateResult {
    const t = this.texts.paste;
    const isKey = this.#text !== "" && recognizeText(this.#text) === "key";
    return html`
      <details class="paste">
        <summary>${t.summary}</summary>
        <form @submit=${this.#submit} novalidate>
          <label for="pasted">${t.label}</label>
          <textarea
            id="pasted"
            name="pasted"
            class="mono"
            rows="3"
            autocomplete="off"
            autocapitalize="off"
            spellcheck="false"
            placeholder=${t.placeholder}
            aria-describedby="pasted-help pasted-complaint"
            aria-invalid=${this.#complains ? "true" : nothing}
            .value=${this.#text}
            @input=${this.#changed}
          ></textarea>
          <p id="pasted-help" class="help">${t.help}</p>
          <p id="pasted-complaint" class="complaint" role="alert">${this.#complains ? t.neither : nothing}</p>
          ${isKey ? this.#kinds() : nothing}
          <button type="submit">${isKey ? t.useKey : t.use}</button>
        </form>
      </details>
    `;
  }

  #kinds(): TemplateResult {
    const t = this.texts.paste;
    return html`
      <fieldset>
        <legend>${t.kind}</legend>
        ${Object.entries(t.kinds).map(
          ([kind, words]) => html`
            <label class="choice">
              <input type="radio" name="kind" value=${kind} ?checked=${kind === "emitter"} />
              <span><strong>${words.title}</strong> <span class="help">${words.about}</span></span>
            </label>`,
        )}
      </fieldset>
    `;
  }

  readonly #changed = (event: Event): void => {
    this.#text = (event.currentTarget as HTMLTextAreaElement).value;
    this.#complains = false;
    this.requestUpdate();
  };

  readonly #submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const text = this.#text.trim();
    const kind = text === "" ? "export" : recognizeText(`${text}\n`);
    this.#complains = kind === "export";
    this.requestUpdate();
    if (this.#complains) {
      form.querySelector("textarea")?.focus();
      return;
    }
    if (kind === "key") {
      const chosen = String(new FormData(form).get("kind")) as KeyKind;
      emit<SessionKey>(this, "add-key", { kind: chosen, vkey: onlyKey(text) ?? text });
    } else emit(this, "pasted", `${text}\n`);
    this.#text = "";
    form.reset();
  };
}
