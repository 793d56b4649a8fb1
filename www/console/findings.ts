/** Findings among what was verified here, and evidence of them. */

import type { Detection } from "@countersign/ui/viewer/detection/detection.js";
import { define, emit, props, View } from "@countersign/ui/viewer/view.js";
import type { Report } from "countersign/verify";
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { originFields } from "../src/evidence/fields.ts";
import { EvidencePanel } from "../src/evidence/panel.ts";
import { saveDetectionsView } from "../src/evidence/save-detections.ts";
import type { TrustChoice } from "../src/input/trust.ts";
import type { AuditorsPage } from "./evidence/auditors-page.ts";
import { evidenceContext, isPart, LoadedExport } from "./evidence/loaded-export.ts";
import "./evidence/page-choice.ts";
import { loadedTexts } from "./evidence/page-texts.ts";
import "./scores.ts";
import type { ConsoleTexts } from "./texts/index.ts";
import type { Verified } from "./verified.ts";

/** The findings, and the button that saves them, also if no rule fired. Dispatches `verify-whole`. */
export class FindingsSection extends View {
  static override properties = props("verified", "report", "trust", "page", "texts");

  declare verified: Verified | undefined;
  /** Report of the session; changes when there is a newer one. */
  declare report: Report | undefined;
  declare trust: TrustChoice;
  declare page: AuditorsPage;
  declare texts: ConsoleTexts | undefined;

  #detection: Detection | undefined;
  readonly #export = new LoadedExport(() => this.requestUpdate());
  readonly #examined = () => this.requestUpdate();

  protected override willUpdate(_changed: PropertyValues<this>): void {
    this.#follow(this.verified?.session.detection);
    void this.#export.prepare(this.verified, this.report);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#follow(undefined);
    this.#export.close();
  }

  /** Renders again when these rules have examined more. */
  #follow(detection: Detection | undefined): void {
    if (detection === this.#detection) return;
    this.#detection?.removeEventListener("change", this.#examined);
    this.#detection = detection;
    detection?.addEventListener("change", this.#examined);
  }

  protected override render(): TemplateResult | typeof nothing {
    const { texts: t, verified, report, trust, page } = this;
    if (t === undefined || verified === undefined) return nothing;
    const detection = this.#detection;
    const { part } = this.#export;
    return html`
      <div @evidence-message=${() => this.requestUpdate()}>
        <cs-detections .detection=${detection} .level=${3} .texts=${t.viewer}></cs-detections>
        ${report === undefined || detection === undefined ? nothing : this.#evidenceView(detection, verified, report, t)}
        ${part === undefined ? nothing : html`<countersign-evidence hidden .texts=${loadedTexts(t)} .context=${evidenceContext(part, { trust, page, search: () => undefined })}></countersign-evidence>`}
      </div>
    `;
  }

  #evidenceView(
    detection: Detection,
    verified: Verified,
    report: Report,
    t: ConsoleTexts,
  ): TemplateResult | typeof nothing {
    const words = t.findings;
    const loadView = (about: string) => html`
      <div class="behind"><span>${about}</span>
        <button type="button" @click=${() => emit(this, "verify-whole", undefined)}>${t.search.loadWhole}</button></div>`;
    if (verified.from === "live") return loadView(words.notLive);
    if (!detection.isFinal || this.#export.part === undefined || report.counts.events === 0) return nothing;
    const panel = () => this.querySelector<EvidencePanel>("countersign-evidence") ?? undefined;
    return html`
      <section aria-labelledby="findings-evidence-heading">
        <h3 id="findings-evidence-heading">${t.page.evidence.make.heading}</h3>
        ${originFields(panel, t.page)}
        ${saveDetectionsView(detection, panel, loadedTexts(t))}
        ${isPart(verified, report) ? loadView(words.onlyPart) : nothing}
        <cs-page-choice .page=${this.page} .texts=${t}></cs-page-choice>
      </section>`;
  }
}

/** Renders the findings by identity and session. */
export function sessionsTab({ session }: Verified, t: ConsoleTexts): TemplateResult {
  return html`<cs-scores .detection=${session.detection} .index=${session.index} .texts=${t}></cs-scores>`;
}

define("countersign-evidence", EvidencePanel);
define("cs-findings", FindingsSection);
