import { define, props, View } from "@countersign/ui/viewer/view.js";
import { html, nothing, type TemplateResult } from "lit";
import { complaintView, picker } from "../../src/input/choose.ts";
import { DEFAULT_EXTENT, writeFragment } from "../address.ts";
import type { ConsoleTexts } from "../texts/index.ts";
import type { AuditorsPage } from "./auditors-page.ts";

/** Leads to the section that checks evidence files, and chooses the auditor's page with which they begin. */
export class PageChoice extends View {
  static override properties = props("page", "texts");

  declare page: AuditorsPage;
  declare texts: ConsoleTexts | undefined;
  #complaint = "";

  protected override render(): TemplateResult | typeof nothing {
    if (this.texts === undefined) return nothing;
    const { ask: words, evidence } = this.texts;
    return html`
      <p class="help"><a href=${writeFragment("", { tab: "evidence", extent: DEFAULT_EXTENT, query: "" })}>${evidence.toSection}</a></p>
      <details class="ask-page">
        <summary>${words.page}</summary>
        <p class="help">${words.pageAbout}</p>
        ${this.page.chosen === undefined ? nothing : html`<p>${words.pageChosen(this.page.chosen)}</p>`}
        <div class="buttons" @choose-page=${(event: CustomEvent<readonly File[]>) => void this.#choose(event.detail, words.notPage)}>${picker(words.choosePage, "choose-page", {})}</div>
        ${complaintView(this.#complaint)}
      </details>
    `;
  }

  async #choose([file]: readonly File[], complaint: string): Promise<void> {
    if (file === undefined) return;
    this.#complaint = (await this.page.choose(file)) ? "" : complaint;
    this.requestUpdate();
  }
}

define("cs-page-choice", PageChoice);
