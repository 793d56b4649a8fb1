import { html, type TemplateResult } from "lit";
import { define, internal, props, TextView } from "../view.js";
import { icon } from "./icons.js";
import { copy } from "./save.js";

/** A button that copies a string to the clipboard, and reports whether that worked. */
export class CopyButton extends TextView {
  static override properties = { ...props("text"), ...internal("message") };

  declare text: string;
  private message = "";

  protected override willUpdate(changed: ReadonlyMap<PropertyKey, unknown>): void {
    if (changed.has("text")) {
      this.message = "";
    }
  }

  protected override render(): TemplateResult {
    return html`
      <button type="button" class="quiet" @click=${this.#copy}>${icon("copy")} ${this.texts.rows.drawer.copy}</button>
      <span role="status">${this.message}</span>
    `;
  }

  readonly #copy = async (): Promise<void> => {
    const { text } = this;
    const { drawer } = this.texts.rows;
    const isCopied = await copy(text);
    if (text === this.text) {
      this.message = isCopied ? drawer.copied : drawer.notCopied;
    }
  };
}

define("cs-copy", CopyButton);
