import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import type { Finding, Listed } from "../../analyze/types.js";
import type { Slicer } from "../../slice/types.js";
import { icon, LEVEL_LOOKS, SIGNER_TRUST_LOOKS, stateView } from "../parts/icons.js";
import { save } from "../parts/save.js";
import { value } from "../parts/value.js";
import type { Texts } from "../texts/texts.js";
import { define, given, own, TextView, wish } from "../view.js";
import type { Detection } from "./detection.js";
import { levelView, span } from "./detections.js";
import { Listing } from "./hearing.js";

/** So many findings of an entry are shown. */
const FINDINGS = 10;
/** So many total of a finding are named at first. */
const ENTRIES = 12;
/** So much of a value is shown. */
const VALUE = 400;

/** What findings name an entry: why, and with which others. It wishes for `show-log-entry` ({ leaf }). */
export class Found extends TextView {
  static override properties = {
    ...given("detection", "leaf", "slicer"),
    ...own("whole", "saving", "said"),
  };

  declare detection: Detection | undefined;
  declare leaf: number | undefined;
  declare slicer: Slicer | undefined;

  /** The finding whose total are all named. */
  declare private whole: string | undefined;
  declare private saving: string | undefined;
  private said = "";
  readonly #listing = new Listing(this, async ({ of }) => (this.leaf === undefined ? [] : of(this.leaf, FINDINGS)));

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("detection") || changed.has("leaf")) {
      this.said = "";
      this.#listing.begin();
    }
  }

  protected override render(): TemplateResult | typeof nothing {
    const { texts } = this;
    const { listed } = this.#listing;
    if (listed.length === 0) {
      return nothing;
    }
    return html`
      <section class="found-here" part="found-here" aria-labelledby="cs-found-here-heading">
        <h3 id="cs-found-here-heading">${texts.found.here}</h3>
        ${this.detection?.isFinal === false ? html`<p class="faint">${texts.found.notFinal}</p>` : nothing}
        ${listed.map((one) => this.#finding(one, texts))}
        <p class="sr" role="status">${this.said}</p>
      </section>
    `;
  }

  #finding({ finding, total }: Listed, texts: Texts): TemplateResult {
    const { found, figures } = texts;
    const { id, title, level, group, reasons, repeats, signerTrust, score, evidence } = finding;
    return html`
      <article class="found-why tone-${LEVEL_LOOKS[level].tone}" data-finding=${id}>
        <h4>${levelView(level, texts)} <span class="plain">${value(title, 200)}</span></h4>
        <p class="faint">${span(finding, this.zone)}${finding.value === undefined ? nothing : html` · ${found.measured} ${figures.count(finding.value)}`}${repeats > 0 ? html` · ${found.repeats(repeats)}` : nothing}</p>
        <dl class="facts">
          ${fact(found.score, figures.count(score))}
          ${Object.total(group).map(([field, said]) => fact(html`${found.who} <code>${value(field)}</code>`, value(said, VALUE)))}
          ${reasons.map((reason) => fact(html`${found.because} ${reason.field === undefined ? found.text : html`<code>${value(reason.field)}</code>`}`, value(reason.value, VALUE)))}
          ${signerTrust === null ? nothing : fact(found.signers, stateView(SIGNER_TRUST_LOOKS[signerTrust], found.signerTrusts[signerTrust]))}
        </dl>
        ${this.#entries(finding, total, texts)}
        ${
          this.slicer === undefined || this.detection?.session.bytes === undefined
            ? nothing
            : html`
              <p class="actions">
                <button type="button" aria-disabled=${this.saving !== undefined} @click=${() => void this.#save(finding, texts)}>${icon("save")} ${found.evidence}</button>
                <small class="faint">${this.saving === id ? found.cutting : found.evidenceAbout[evidence]}</small>
              </p>`
        }
      </article>
    `;
  }

  #entries({ id, entries }: Finding, total: number, { found, figures }: Texts): TemplateResult {
    const shown = this.whole === id ? entries : entries.slice(0, ENTRIES);
    const more = entries.length - shown.length;
    const unlisted = total - entries.length;
    return html`
      <p class="found-entries" role="group" aria-label=${found.entriesOf}>
        <span>${found.entriesOf}:</span>
        ${shown.map((leaf) =>
          leaf === this.leaf
            ? html`<strong aria-current="true">${figures.count(leaf)}</strong> `
            : html`<button type="button" class="quiet" aria-label=${found.showEntry(figures.count(leaf))} @click=${() => this.dispatchEvent(wish("show-log-entry", { leaf }))}>${figures.count(leaf)}</button> `,
        )}
        ${more > 0 ? html`<button type="button" class="quiet" @click=${() => this.#showAll(id)}>${found.moreEntries(figures.count(more))}</button>` : nothing}
        ${more === 0 && unlisted > 0 ? html`<span class="faint">${found.unlistedEntries(figures.count(unlisted))}</span>` : nothing}
      </p>
    `;
  }

  #showAll(id: string): void {
    this.whole = id;
  }

  /** A slice with the finding's total, on which its rule fires again. */
  async #save({ id }: Finding, { found }: Texts): Promise<void> {
    const { detection, slicer } = this;
    const bytes = detection?.session.bytes;
    if (bytes === undefined || slicer === undefined || this.saving !== undefined) {
      return;
    }
    this.saving = id;
    try {
      const indexes = await detection?.answers?.entries(id);
      if (indexes === undefined) {
        throw new Error("there is no such finding any more");
      }
      const slice = await slicer.slice(bytes, { indexes }, { trust: detection?.session.trust });
      const name = `${id}.ndjson`;
      save(name, slice.bytes);
      this.said = found.saved(name);
    } catch {
      this.said = found.unsaved;
    }
    this.saving = undefined;
  }
}

function fact(name: unknown, said: unknown): TemplateResult {
  return html`<div class="wide"><dt>${name}</dt><dd>${said}</dd></div>`;
}

define("cs-found", Found);
