import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import type { Finding, ListedFinding } from "../../analyze/types.js";
import type { Slicer } from "../../slice/types.js";
import { icon, LEVEL_LOOKS, SIGNER_TRUST_LOOKS, stateView } from "../parts/icons.js";
import { save } from "../parts/save.js";
import { value } from "../parts/value.js";
import type { Texts } from "../texts/texts.js";
import { define, emit, internal, props, TextView } from "../view.js";
import type { Detection } from "./detection.js";
import { FindingAnswers } from "./detection-subscription.js";
import { levelView, periodView } from "./finding-parts.js";

/** Number of an entry's findings shown. */
const MAX_FINDINGS = 10;
/** Number of a finding's entries shown at first. */
const MAX_ENTRIES = 12;
/** Maximum characters of a value. */
const MAX_VALUE_CHARS = 400;

/** The findings about an entry: their reasons and other entries. Dispatches `show-log-entry` ({ index }). */
export class EntryFindings extends TextView {
  static override properties = {
    ...props("detection", "index", "slicer"),
    ...internal("whole", "saving", "message"),
  };

  declare detection: Detection | undefined;
  declare index: number | undefined;
  declare slicer: Slicer | undefined;

  /** ID of the finding whose entries are all shown. */
  declare private whole: string | undefined;
  declare private saving: string | undefined;
  private message = "";
  readonly #list = new FindingAnswers<readonly ListedFinding[]>(this, [], async ({ findingsOf }) =>
    this.index === undefined ? [] : findingsOf(this.index, MAX_FINDINGS),
  );

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("detection") || changed.has("index")) {
      this.message = "";
      this.#list.begin();
    }
  }

  protected override render(): TemplateResult | typeof nothing {
    const { texts } = this;
    const { last } = this.#list;
    const isPressed = ({ finding }: ListedFinding) => finding.id === this.detection?.pressed;
    const listed = [...last.filter(isPressed), ...last.filter((one) => !isPressed(one))];
    if (listed.length === 0) {
      return nothing;
    }
    return html`
      <section class="found-here" part="found-here" aria-labelledby="cs-found-here-heading">
        <h3 id="cs-found-here-heading">${texts.found.here}</h3>
        ${this.detection?.isFinal === false ? html`<p class="faint">${texts.found.notFinal}</p>` : nothing}
        ${listed.map((one) => this.#finding(one, texts))}
        <p class="sr" role="status">${this.message}</p>
      </section>
    `;
  }

  #finding({ finding, total }: ListedFinding, texts: Texts): TemplateResult {
    const { found, figures } = texts;
    const { id, title, level, group, reasons, repeats, signer_trust: signerTrust, score, evidence } = finding;
    return html`
      <article class="found-why tone-${LEVEL_LOOKS[level].tone}" data-finding=${id}>
        <h4>${levelView(level, texts)} <span class="plain">${value(title, 200)}</span></h4>
        <p class="faint">${periodView(finding, this.zone)}${finding.value === undefined ? nothing : html` · ${found.measured} ${figures.count(finding.value)}`}${repeats > 0 ? html` · ${found.repeats(repeats)}` : nothing}</p>
        <dl class="facts">
          ${fact(found.score, figures.count(score))}
          ${Object.entries(group).map(([field, content]) => fact(html`${found.who} <code>${value(field)}</code>`, value(content, MAX_VALUE_CHARS)))}
          ${reasons.map((reason) => fact(html`${found.because} ${reason.field === undefined ? found.text : html`<code>${value(reason.field)}</code>`}`, value(reason.value, MAX_VALUE_CHARS)))}
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
    const shown = this.whole === id ? entries : entries.slice(0, MAX_ENTRIES);
    const more = entries.length - shown.length;
    const unlisted = total - entries.length;
    return html`
      <p class="found-entry-list" role="group" aria-label=${found.entriesOf}>
        <span>${found.entriesOf}:</span>
        ${shown.map((index) =>
          index === this.index
            ? html`<strong aria-current="true">${figures.count(index)}</strong> `
            : html`<button type="button" class="quiet" aria-label=${found.showEntry(figures.count(index))} @click=${() => emit(this, "show-log-entry", { index })}>${figures.count(index)}</button> `,
        )}
        ${more > 0 ? html`<button type="button" class="quiet" @click=${() => this.#showAll(id)}>${found.moreEntries(figures.count(more))}</button>` : nothing}
        ${more === 0 && unlisted > 0 ? html`<span class="faint">${found.unlistedEntries(figures.count(unlisted))}</span>` : nothing}
      </p>
    `;
  }

  #showAll(id: string): void {
    this.whole = id;
  }

  /** Saves a slice with the finding's entries, on which its rule fires again. */
  async #save({ id }: Finding, { found }: Texts): Promise<void> {
    const { detection, slicer } = this;
    const bytes = detection?.session.bytes;
    if (bytes === undefined || slicer === undefined || this.saving !== undefined) {
      return;
    }
    this.saving = id;
    try {
      const indexes = await detection?.answers?.entriesOf(id);
      if (indexes === undefined) {
        throw new Error("the finding no longer exists");
      }
      const slice = await slicer.slice(bytes, { indexes }, { trust: detection?.session.trust });
      const name = `${id}.ndjson`;
      save(name, slice.bytes);
      this.message = found.saved(name);
    } catch {
      this.message = found.unsaved;
    }
    this.saving = undefined;
  }
}

function fact(name: unknown, content: unknown): TemplateResult {
  return html`<div class="wide"><dt>${name}</dt><dd>${content}</dd></div>`;
}

define("cs-found", EntryFindings);
