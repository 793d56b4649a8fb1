import { html, type TemplateResult } from "lit";
import { icon } from "./icons.js";
import { copy } from "./save.js";
import type { Texts } from "./texts/texts.js";
import { define, given, own, View } from "./view.js";

/** A button that puts a text into the clipboard, and says whether it could. */
export class CopyButton extends View {
  static override properties = { ...given("text", "texts"), ...own("said") };

  declare text: string;
  declare texts: Pick<Texts["rows"]["drawer"], "copy" | "copied" | "notCopied">;
  private said = "";

  protected override willUpdate(changed: ReadonlyMap<PropertyKey, unknown>): void {
    if (changed.has("text")) {
      this.said = "";
    }
  }

  protected override render(): TemplateResult {
    return html`
      <button type="button" class="quiet" @click=${this.#copy}>${icon("copy")} ${this.texts.copy}</button>
      <span role="status">${this.said}</span>
    `;
  }

  readonly #copy = async (): Promise<void> => {
    const { text, texts } = this;
    const isCopied = await copy(text);
    if (text === this.text) {
      this.said = isCopied ? texts.copied : texts.notCopied;
    }
  };
}

define("cs-copy", CopyButton);
