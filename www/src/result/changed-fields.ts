import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import type { Report } from "countersign/verify";
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

/** Two files whose entries are compared. */
export interface ComparedFiles {
  /** The file in which the entries verify, and its number among the parts. */
  readonly signed: Part;
  readonly at: number;
  /** The other file. */
  readonly changed: Part;
  /** Indexes of the entries that don't verify in it, ascending; undefined for those that verify in both, but differ. */
  readonly entries: readonly number[] | undefined;
  /** True if the files differ in nothing else. */
  readonly isOnly: boolean | undefined;
}

/** The entries that differ, as read from both files. */
interface ReadEntries {
  /** The first ones. */
  readonly listed: readonly ChangedEntry[];
  /** Number of entries that differ. */
  readonly total: number;
  /** False if only the first entries of both files were compared. */
  readonly isAll: boolean;
}

/** Entries that were read, by the report on the changed file: a browser doesn't wait for them when it prints. */
const READ_ENTRIES = new WeakMap<Report, Map<string, ReadEntries>>();

function readEntries(files: ComparedFiles): ReadEntries | undefined {
  const { report } = files.changed.session ?? {};
  return report && READ_ENTRIES.get(report)?.get(keyOf(files));
}

function keyOf({ signed, changed, at, entries }: ComparedFiles): string {
  const names = [signed, changed].map(({ file }) => `${file.name} ${file.size}`);
  return `${at} ${names} ${entries}`;
}

/** Shows the fields that differ between two files at the same entries. */
export class ChangedFields extends View implements ComparedFiles {
  static override properties = {
    texts: { attribute: false },
    signed: { attribute: false },
    changed: { attribute: false },
    at: { attribute: false },
    entries: { attribute: false },
    isOnly: { attribute: false },
  };
  declare texts: PageTexts;
  declare signed: Part;
  declare at: number;
  declare changed: Part;
  declare entries: readonly number[] | undefined;
  declare isOnly: boolean | undefined;
  #report: Report | undefined;
  #key = "";

  protected override willUpdate(_changed: PropertyValues<this>): void {
    const { report } = this.changed.session ?? {};
    const key = keyOf(this);
    if (report === undefined || (key === this.#key && report === this.#report)) return;
    this.#key = key;
    this.#report = report;
    if (readEntries(this) === undefined) void this.#load(report, key);
  }

  protected override render(): TemplateResult | typeof nothing {
    const read = readEntries(this);
    return read === undefined ? nothing : readView(this, read, `changed-fields-${this.at}`, this.texts);
  }

  /** Reads the entries in both files. Those that can't be read are listed by position only. */
  async #load(report: Report, key: string): Promise<void> {
    // Without their lines, the entries are named.
    const listed = (this.entries ?? [])
      .slice(0, MAX_LISTED)
      .map((index) => ({ index, signed: undefined, fields: undefined }));
    const unread = { listed, total: this.entries?.length ?? 0, isAll: true };
    const read = await this.#read().catch(() => unread);
    READ_ENTRIES.set(report, (READ_ENTRIES.get(report) ?? new Map()).set(key, read));
    this.requestUpdate();
  }

  async #read(): Promise<ReadEntries> {
    const { signed, changed, entries } = this;
    if (entries === undefined) {
      const differing = await rewrittenEntries(changed, signed);
      const listed = differing.entries
        .slice(0, MAX_LISTED)
        .map(({ index, one, other }) => ({ index, signed: other, fields: compare(one, other) }));
      return { listed, total: differing.entries.length, isAll: differing.isAll };
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
    const listed = places.map(({ index, signedLine = 0, changedLine = 0 }) => {
      const [raw, other] = [signedLines.get(signedLine), changedLines.get(changedLine)];
      return { index, signed: raw, fields: raw && other && compare(other, raw) };
    });
    return { listed, total: entries.length, isAll: true };
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

/** Renders the fields that differ, for printing, or that they weren't read yet. */
export function printedFields(files: ComparedFiles, t: PageTexts): TemplateResult | typeof nothing {
  const read = readEntries(files);
  return read === undefined
    ? html`<p><strong class="tone-bad">${t.compare.unread}</strong></p>`
    : readView(files, read, `printed-fields-${files.at}`, t);
}

function readView(
  files: ComparedFiles,
  { listed, total, isAll }: ReadEntries,
  id: string,
  t: PageTexts,
): TemplateResult | typeof nothing {
  if (listed.length === 0) return nothing;
  const { entries } = files;
  const more = total - listed.length;
  const heading =
    entries === undefined
      ? html`${t.compare.rewrittenAt} <span class="faint">${t.compare.entries(total)}</span>`
      : headingView(files, entries, listed, t);
  return html`
    <section class="changed-fields" aria-labelledby=${id}>
      <h3 id=${id}>${heading}</h3>
      ${isAll ? nothing : html`<p class="help">${t.compare.firstCompared(MAX_COMPARED)}</p>`}
      ${listed.map((entry) => entryView(files, entry, t))}
      ${more > 0 ? html`<p class="faint">${t.compare.moreChanged(more)}</p>` : nothing}
    </section>
  `;
}

/** Renders the difference in a sentence: the field, if it is one, or else the entries. */
function headingView(
  { changed, isOnly }: ComparedFiles,
  entries: readonly number[],
  found: readonly ChangedEntry[],
  t: PageTexts,
): TemplateResult {
  const name = value(changed.file.name, 80);
  const words = isOnly
    ? t.compare.differ(t.compare.entries(entries.length))
    : t.compare.changedIn({ name, entries: t.compare.entries(entries.length) });
  const { count } = t.viewer.figures;
  const more = entries.length - MAX_NAMED;
  const listed = entries.slice(0, MAX_NAMED).map(count).join(", ");
  const [only] = entries.length === 1 ? found : [];
  const [field, ...others] = only?.fields ?? [];
  const fieldView = ({ path, one, other }: FieldDifference) =>
    html`: ${t.compare.differsIn({ field: html`<code>${value(path, 80)}</code>`, there: textView(one, t.compare.noField, MAX_SAID), file: name, signed: textView(other, t.compare.noField, MAX_SAID) })}`;
  return html`${words} ${listed}${more > 0 ? ` ${t.evidence.ask.moreNames(count(more))}` : nothing}${field === undefined || others.length > 0 ? nothing : fieldView(field)}`;
}

function entryView(
  files: ComparedFiles,
  { index, signed, fields }: ChangedEntry,
  t: PageTexts,
): TemplateResult {
  const { time, action, actor } = statedFacts(signed?.text ?? "");
  const name = t.coverage.range(index, index + 1);
  return html`
    <div class="changed-entry" data-entry=${index}>
      <p class="section-head">
        <span><strong>${name}</strong> ${time === undefined ? nothing : html`${t.compare.recorded} ${moment(time)}`} ${action === undefined ? nothing : value(action, 80)} ${actor === undefined ? nothing : value(actor, 80)}</span>
        <button type="button" class="quiet" @click=${emits("show-log-entry", { part: files.at, index })}>${t.compare.show}<span class="sr"> ${name}</span></button>
      </p>
      ${fieldsView(files, fields, name, t)}
    </div>
  `;
}

function fieldsView(
  { changed, signed, entries }: ComparedFiles,
  fields: readonly FieldDifference[] | undefined,
  name: string,
  { compare: t }: PageTexts,
): TemplateResult {
  if (fields === undefined) return html`<p class="help">${t.unreadable}</p>`;
  if (fields.length === 0) return html`<p class="help">${t.spelling}</p>`;
  const more = fields.length - MAX_FIELDS;
  return html`
    <table class="field-table ${entries === undefined ? "" : "first-wrong"}">
      <caption class="sr">${name}</caption>
      <thead>
        <tr>
          <th scope="col">${t.field}</th>
          <th scope="col">${value(changed.file.name)} ${entries === undefined ? nothing : html`<span class="state tone-bad">${icon("altered")}${t.notSigned}</span>`}</th>
          <th scope="col">${value(signed.file.name)} ${entries === undefined ? nothing : html`<span class="state tone-good">${icon("pass")}${t.asSigned}</span>`}</th>
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

function compare(one: RawLine, other: RawLine): readonly FieldDifference[] | undefined {
  return one.isCut || other.isCut ? undefined : fieldDifferences(one.text, other.text);
}

function textView(text: string | undefined, none: string, max = 400): TemplateResult {
  return text === undefined
    ? html`<span class="faint">${none}</span>`
    : html`<code>${value(text, max)}</code>`;
}
