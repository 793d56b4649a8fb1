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
export const MAX_LISTED = 20;
/** Maximum number of entries that the heading names. */
const MAX_NAMED = 10;
/** Maximum number of fields listed per entry. */
const MAX_FIELDS = 30;
/** Maximum length of a value in the heading, in UTF-16 units. */
const MAX_SAID = 60;

/** An entry that both files contain, with different content. */
interface ChangedEntry {
  readonly index: number;
  /** Undefined if it can't be read. */
  readonly signed: RawLine | undefined;
  readonly fields: readonly FieldDifference[] | undefined;
}

/** An entry, and its lines in both files if they are known. */
interface EntryPlace {
  readonly index: number;
  readonly signedLine: number | undefined;
  readonly changedLine: number | undefined;
}

/** Shows the fields that differ between two files at the same entries. */
export class ChangedFields extends View {
  static override properties = {
    texts: { attribute: false },
    signed: { attribute: false },
    changed: { attribute: false },
    at: { attribute: false },
    entries: { attribute: false },
    isOnly: { attribute: false },
  };
  declare texts: PageTexts;
  /** The file in which the entries verify, and its number among the parts. */
  declare signed: Part;
  declare at: number;
  /** The other file. */
  declare changed: Part;
  /** Indexes of the entries that don't verify in it, ascending; undefined for those that verify in both, but differ. */
  declare entries: readonly number[] | undefined;
  /** True if the files differ in nothing else. */
  declare isOnly: boolean | undefined;
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
    const { texts: t, entries } = this;
    if (this.#found.length === 0) return nothing;
    const total = entries?.length ?? this.#total;
    const more = total - this.#found.length;
    const heading =
      entries === undefined
        ? html`${t.compare.rewrittenAt} <span class="faint">${t.compare.entries(total)}</span>`
        : this.#headingView(entries, t);
    return html`
      <section class="changed-fields" aria-labelledby="changed-fields-${this.at}">
        <h3 id="changed-fields-${this.at}">${heading}</h3>
        ${this.#isAll ? nothing : html`<p class="help">${t.compare.firstCompared(MAX_COMPARED)}</p>`}
        ${this.#found.map((entry) => this.#entryView(entry, t))}
        ${more > 0 ? html`<p class="faint">${t.compare.moreChanged(more)}</p>` : nothing}
      </section>
    `;
  }

  /** Renders the difference in a sentence: the field, if it is one, or else the entries. */
  #headingView(entries: readonly number[], t: PageTexts): TemplateResult {
    const name = value(this.changed.file.name, 80);
    const words = this.isOnly
      ? t.compare.differ(t.compare.entries(entries.length))
      : t.compare.changedIn({ name, entries: t.compare.entries(entries.length) });
    const { count } = t.viewer.figures;
    const more = entries.length - MAX_NAMED;
    const listed = entries.slice(0, MAX_NAMED).map(count).join(", ");
    const [only] = entries.length === 1 ? this.#found : [];
    const [field, ...others] = only?.fields ?? [];
    const fieldView = ({ path, one, other }: FieldDifference) =>
      html`: ${t.compare.differsIn({ field: html`<code>${value(path, 80)}</code>`, there: textView(one, t.compare.noField, MAX_SAID), file: name, signed: textView(other, t.compare.noField, MAX_SAID) })}`;
    return html`${words} ${listed}${more > 0 ? ` ${t.evidence.ask.moreNames(count(more))}` : nothing}${field === undefined || others.length > 0 ? nothing : fieldView(field)}`;
  }

  #entryView({ index, signed, fields }: ChangedEntry, t: PageTexts): TemplateResult {
    const { time, action, actor } = statedFacts(signed?.text ?? "");
    const name = t.coverage.range(index, index + 1);
    return html`
      <div class="changed-entry" data-entry=${index}>
        <p class="section-head">
          <span><strong>${name}</strong> ${time === undefined ? nothing : html`${t.compare.recorded} ${moment(time)}`} ${action === undefined ? nothing : value(action, 80)} ${actor === undefined ? nothing : value(actor, 80)}</span>
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
    // Without their lines, the entries are named.
    const unread = (this.entries ?? [])
      .slice(0, MAX_LISTED)
      .map((index) => ({ index, signed: undefined, fields: undefined }));
    const found = await this.#read().catch(() => unread);
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
    const places = await Promise.all(entries.slice(0, MAX_LISTED).map((index) => this.#placeOf(index)));
    const [signedLines, changedLines] = await Promise.all([
      linesOf(
        signed.file,
        places.flatMap(({ signedLine }) => signedLine ?? []),
      ),
      linesOf(
        changed.file,
        places.flatMap(({ changedLine }) => changedLine ?? []),
      ),
    ]);
    return places.map(({ index, signedLine = 0, changedLine = 0 }) => {
      const [raw, other] = [signedLines.get(signedLine), changedLines.get(changedLine)];
      return { index, signed: raw, fields: raw && other && compare(other, raw) };
    });
  }

  /** Returns the lines of an entry. */
  async #placeOf(index: number): Promise<EntryPlace> {
    const { findings = [] } = this.changed.session?.report ?? {};
    const changedLine = findings.find(
      (finding) => finding.index === index && finding.severity === "error",
    )?.line;
    const signedLine = await this.signed.session?.index.lineOf(index);
    return { index, signedLine, changedLine };
  }
}

function compare(one: RawLine, other: RawLine): readonly FieldDifference[] | undefined {
  return one.isCut || other.isCut ? undefined : fieldDifferences(one.text, other.text);
}

function textView(text: string | undefined, none: string, max = 400): TemplateResult {
  return text === undefined
    ? html`<span class="faint">${none}</span>`
    : html`<code>${value(text, max)}</code>`;
}
