import { html, type TemplateResult } from "lit";
import { define, given, own, TextView } from "../view.js";
import { icon } from "./icons.js";
import { copy } from "./save.js";

/** A button that puts a text into the clipboard, and says whether it could. */
export class CopyButton extends TextView {
  static override properties = { ...given("text"), ...own("said") };

  declare text: string;
  private said = "";

  protected override willUpdate(changed: ReadonlyMap<PropertyKey, unknown>): void {
    if (changed.has("text")) {
      this.said = "";
    }
  }

  protected override render(): TemplateResult {
    return html`
      <button type="button" class="quiet" @click=${this.#copy}>${icon("copy")} ${this.texts.rows.drawer.copy}</button>
      <span role="status">${this.said}</span>
    `;
  }

  readonly #copy = async (): Promise<void> => {
    const { text } = this;
    const { drawer } = this.texts.rows;
    const isCopied = await copy(text);
    if (text === this.text) {
      this.said = isCopied ? drawer.copied : drawer.notCopied;
    }
  };
}

define("cs-copy", CopyButton);
