import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { html, nothing, type PropertyValues, type TemplateResult } from "lit";
import { moment } from "../core-sentence.ts";
import { emits } from "../emit.ts";
import type { Part } from "../state/case.ts";
import { type FieldDifference, fieldDifferences } from "../state/field-differences.ts";
import { linesOf, type RawLine, statedFacts } from "../state/lines.ts";
import { MAX_COMPARED, rewrittenEntries } from "../state/rewritten-entries.ts";
import type { PageTexts } from "../texts/en.ts";
import { View } from "../view.ts";

/** Maximum number of entries listed. */
const MAX_LISTED = 20;
/** Maximum number of fields listed per entry. */
const MAX_FIELDS = 30;

/** An entry that both files contain, with different content. */
interface ChangedEntry {
  readonly index: number;
  readonly signed: RawLine;
  readonly fields: readonly FieldDifference[] | undefined;
}

/** Shows the fields that differ between two files at the same entries. */
export class ChangedFields extends View {
  static override properties = {
    texts: { attribute: false },
    signed: { attribute: false },
    changed: { attribute: false },
    at: { attribute: false },
    entries: { attribute: false },
  };
  declare texts: PageTexts;
  /** The file in which the entries verify, and its number among the parts. */
  declare signed: Part;
  declare at: number;
  /** The other file. */
  declare changed: Part;
  /** Indexes of the entries that don't verify in it, ascending; undefined for those that verify in both, but differ. */
  declare entries: readonly number[] | undefined;
  #found: readonly ChangedEntry[] = [];
  /** Number of entries that differ. */
  #total = 0;
  /** False if only the first entries of both files were compared. */
  #isAll = true;
  #key = "";

  protected override willUpdate(_changed: PropertyValues<this>): void {
    const files = [this.signed, this.changed].map(({ file }) => `${file.name} ${file.size}`);
    const key = `${files} ${this.entries}`;
    if (key === this.#key) return;
    this.#key = key;
    this.#found = [];
    void this.#load(key);
  }

  protected override render(): TemplateResult | typeof nothing {
    const { texts: t, entries, changed } = this;
    if (this.#found.length === 0) return nothing;
    const total = entries?.length ?? this.#total;
    const more = total - this.#found.length;
    const heading =
      entries === undefined ? t.compare.rewrittenAt : t.compare.changedIn(value(changed.file.name));
    return html`
      <section class="changed-fields" aria-labelledby="changed-fields-${this.at}">
        <h3 id="changed-fields-${this.at}">${heading} <span class="faint">${t.compare.entries(total)}</span></h3>
        ${this.#isAll ? nothing : html`<p class="help">${t.compare.firstCompared(MAX_COMPARED)}</p>`}
        ${this.#found.map((entry) => this.#entryView(entry, t))}
        ${more > 0 ? html`<p class="faint">${t.compare.moreChanged(more)}</p>` : nothing}
      </section>
    `;
  }

  #entryView({ index, signed, fields }: ChangedEntry, t: PageTexts): TemplateResult {
    const { time, action, actor } = statedFacts(signed.text);
    const name = t.coverage.range(index, index + 1);
    return html`
      <div class="changed-entry" data-entry=${index}>
        <p class="section-head">
          <span><strong>${name}</strong> ${time === undefined ? nothing : moment(time)} ${action === undefined ? nothing : value(action, 80)} ${actor === undefined ? nothing : value(actor, 80)}</span>
          <button type="button" class="quiet" @click=${emits("show-log-entry", { part: this.at, index })}>${t.compare.show}<span class="sr"> ${name}</span></button>
        </p>
        ${this.#fieldsView(fields, name, t)}
      </div>
    `;
  }

  #fieldsView(
    fields: readonly FieldDifference[] | undefined,
    name: string,
    { compare: t }: PageTexts,
  ): TemplateResult {
    if (fields === undefined) return html`<p class="help">${t.unreadable}</p>`;
    if (fields.length === 0) return html`<p class="help">${t.spelling}</p>`;
    const more = fields.length - MAX_FIELDS;
    return html`
      <table class="field-table ${this.entries === undefined ? "" : "first-wrong"}">
        <caption class="sr">${name}</caption>
        <thead>
          <tr>
            <th scope="col">${t.field}</th>
            <th scope="col">${value(this.changed.file.name)} ${this.entries === undefined ? nothing : html`<span class="state tone-bad">${icon("altered")}${t.notSigned}</span>`}</th>
            <th scope="col">${value(this.signed.file.name)} ${this.entries === undefined ? nothing : html`<span class="state tone-good">${icon("pass")}${t.asSigned}</span>`}</th>
          </tr>
        </thead>
        <tbody>
          ${fields.slice(0, MAX_FIELDS).map(
            ({ path, one, other }) => html`
              <tr>
                <th scope="row"><code>${value(path, 200)}</code></th>
                <td>${textView(one, t.noField)}</td>
                <td>${textView(other, t.noField)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
      ${more > 0 ? html`<p class="faint">${t.moreFields(more)}</p>` : nothing}
    `;
  }

  /** Reads the entries in both files. Those that can't be read are listed by position only. */
  async #load(key: string): Promise<void> {
    const found = await this.#read().catch(() => []);
    if (key !== this.#key) return;
    this.#found = found;
    this.requestUpdate();
  }

  async #read(): Promise<readonly ChangedEntry[]> {
    const { signed, changed, entries } = this;
    if (entries === undefined) {
      const differing = await rewrittenEntries(changed, signed);
      this.#total = differing.entries.length;
      this.#isAll = differing.isAll;
      return differing.entries
        .slice(0, MAX_LISTED)
        .map(({ index, one, other }) => ({ index, signed: other, fields: compare(one, other) }));
    }
    const places = (
      await Promise.all(entries.slice(0, MAX_LISTED).map((index) => this.#placeOf(index)))
    ).filter((place) => place !== undefined);
    const [signedLines, changedLines] = await Promise.all([
      linesOf(
        signed.file,
        places.map(({ signedLine }) => signedLine),
      ),
      linesOf(
        changed.file,
        places.map(({ changedLine }) => changedLine),
      ),
    ]);
    return places.flatMap(({ index, signedLine, changedLine }) => {
      const [raw, other] = [signedLines.get(signedLine), changedLines.get(changedLine)];
      if (raw === undefined || other === undefined) return [];
      return [{ index, signed: raw, fields: compare(other, raw) }];
    });
  }

  /** Returns the lines of an entry; undefined if the report doesn't name its line in the changed file. */
  async #placeOf(
    index: number,
  ): Promise<
    { readonly index: number; readonly signedLine: number; readonly changedLine: number } | undefined
  > {
    const { findings = [] } = this.changed.session?.report ?? {};
    const changedLine = findings.find(
      (finding) => finding.index === index && finding.severity === "error",
    )?.line;
    const signedLine = await this.signed.session?.index.lineOf(index);
    return changedLine === undefined || signedLine === undefined
      ? undefined
      : { index, signedLine, changedLine };
  }
}

function compare(one: RawLine, other: RawLine): readonly FieldDifference[] | undefined {
  return one.isCut || other.isCut ? undefined : fieldDifferences(one.text, other.text);
}

function textView(text: string | undefined, none: string): TemplateResult {
  return text === undefined
    ? html`<span class="faint">${none}</span>`
    : html`<code>${value(text, 400)}</code>`;
}
