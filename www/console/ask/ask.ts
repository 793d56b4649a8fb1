/** The section "Ask": answers who did what and when, from the events that this browser verified. */

import type { EventRow } from "@countersign/ui/index/types.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import { define, emit, props, View } from "@countersign/ui/viewer/view.js";
import type { Report } from "countersign/verify";
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { Ask } from "../../src/evidence/ask.ts";
import { EvidencePanel } from "../../src/evidence/panel.ts";
import type { TrustChoice } from "../../src/input/trust.ts";
import type { AuditorsPage } from "../evidence/auditors-page.ts";
import { evidenceContext, isPart, LoadedExport } from "../evidence/loaded-export.ts";
import "../evidence/page-choice.ts";
import { loadedTexts } from "../evidence/page-texts.ts";
import type { ConsoleTexts } from "../texts/index.ts";
import type { Verified } from "../verified.ts";
import { QuestionSearch } from "./question-search.ts";

/** Dispatches `show-events` (an `EventLink`), `show-entry` (an entry), and `verify-whole`. */
export class AskSection extends View {
  static override properties = props("verified", "report", "trust", "page", "texts");

  declare verified: Verified | undefined;
  /** Report of the session; changes when there is a newer one. */
  declare report: Report | undefined;
  declare trust: TrustChoice;
  declare page: AuditorsPage;
  declare texts: ConsoleTexts | undefined;

  #session: Session | undefined;
  #search: QuestionSearch | undefined;
  readonly #export = new LoadedExport(() => this.requestUpdate());

  protected override willUpdate(_changed: PropertyValues<this>): void {
    const { session } = this.verified ?? {};
    if (session !== this.#session) {
      this.#search?.close();
      this.#session = session;
      this.#search = session && new QuestionSearch(session, () => this.requestUpdate());
    }
    void this.#export.prepare(this.verified, this.report);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#search?.close();
    this.#session = undefined;
    this.#export.close();
  }

  protected override render(): TemplateResult | typeof nothing {
    const { texts: t, verified, report, trust, page } = this;
    if (t === undefined || verified === undefined || report === undefined) return nothing;
    const words = t.ask;
    if (verified.from === "live")
      return html`
        <p class="empty">${words.notLive}</p>
        <div class="buttons"><button type="button" class="primary" @click=${() => emit(this, "verify-whole", undefined)}>${t.search.loadWhole}</button></div>`;
    const { part } = this.#export;
    if (part === undefined) return html`<p class="empty" aria-busy="true">${t.verified.waiting}</p>`;
    const context = evidenceContext(part, { trust, page, search: () => this.#search });
    const texts = loadedTexts(t);
    return html`
      <div @open-tab=${(event: Event) => this.#showEvents(event)} @show-search=${({ detail: query }: CustomEvent<string>) => emit(this, "show-events", { query })} @evidence-message=${() => this.requestUpdate()} @show-event=${({ detail }: CustomEvent<EventRow>) => emit(this, "show-entry", detail.index)}>
        <countersign-ask .texts=${texts} .context=${context} .report=${report} .panel=${() => this.querySelector<EvidencePanel>("countersign-evidence") ?? undefined}></countersign-ask>
        <countersign-evidence hidden .texts=${texts} .context=${context}></countersign-evidence>
      </div>
      ${
        !isPart(verified, report)
          ? nothing
          : html`
            <div class="behind"><span>${words.onlyPart}</span>
              <button type="button" @click=${() => emit(this, "verify-whole", undefined)}>${t.search.loadWhole}</button></div>`
      }
      <cs-page-choice .page=${page} .texts=${t}></cs-page-choice>
    `;
  }

  /** Shows the events of the answer in the search. */
  #showEvents(event: Event): void {
    event.stopPropagation();
    emit(this, "show-events", { query: this.#search?.selection.query ?? "" });
  }
}

define("countersign-ask", Ask);
define("countersign-evidence", EvidencePanel);
define("cs-ask", AskSection);
