import { clip, visible } from "@countersign/ui/viewer/parts/format.js";
import type { PageTexts } from "../texts/en.ts";
import type { Filed } from "./filed.ts";
import type { Frame } from "./frame.ts";
import { subjectOf } from "./frame-subject.ts";
import type { PrintedEvidence } from "./print-preparation.ts";

/** Maximum length of untrusted text and of queries in the footer, in UTF-16 units. */
const MAX_NAME = 80;
const MAX_QUERY = 200;

let sheet: CSSStyleSheet | undefined;

/** Sets the footer of printed pages: what the page belongs to, and its number. Empty without evidence. */
export function footPages(
  evidence: PrintedEvidence | undefined,
  filed: Filed | undefined,
  when: Date | undefined,
  t: PageTexts["evidence"],
): void {
  document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet);
  if (evidence === undefined) return;
  sheet = new CSSStyleSheet();
  const words = linesOf(evidence, filed, when, t).map(quoteCss).join(' "\\a " ');
  sheet.replaceSync(`@page {
    @bottom-left {
      content: ${words};
      width: 88%;
      white-space: pre-line;
      text-align: left;
      vertical-align: top;
      padding-top: 2mm;
      overflow-wrap: anywhere;
      font: 5.6pt/1.35 ui-monospace, monospace;
      color: #444;
    }
    @bottom-right {
      content: ${quoteCss(`${t.paper.page} `)} counter(page) " / " counter(pages);
      vertical-align: top;
      padding-top: 2mm;
      font: 7.5pt sans-serif;
      color: #444;
    }
  }`);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

/**
 * Returns the lines of the footer: what an evidence file claims to be about, or else the file and the search.
 */
export function linesOf(
  { foot, searched }: PrintedEvidence,
  filed: Filed | undefined,
  when: Date | undefined,
  t: PageTexts["evidence"],
): readonly string[] {
  const { filed: words, paper } = t;
  const { file, version, page, trust, pins } = foot;
  const hash = (sha256: string | undefined) => `SHA-256 ${sha256 ?? paper.noHash}`;
  const described = (of: { name: string; size: number; sha256: string | undefined }) =>
    `${isolate(of.name)} \u00b7 ${of.size} B \u00b7 ${hash(of.sha256)}`;
  const query = (text: string) => (text === "" ? words.all : isolate(text, MAX_QUERY));
  const error = searched.state === "error" ? ` (${paper.inError})` : "";
  const filter = `${paper.filter}: ${query(searched.query)}${error}`;
  const own = filed?.frame;
  const hasFilter = searched.query !== "" || error !== "";
  return [
    ...(filed === undefined
      ? [described(file)]
      : [
          `${words.heading}: ${isolate(filed.name)} \u00b7 ${hash(filed.sha256)}`,
          `${words.file}: ${described(filed.frame.file)}`,
        ]),
    `countersign ${version}${when ? ` \u00b7 ${when.toISOString()}` : ""} \u00b7 ${paper.page} ${hash(page)}`,
    ...(trust ? [`${words.trustFile}: ${isolate(trust.name)} \u00b7 ${hash(trust.sha256)}`] : []),
    ...(pins.length > 0 ? [`${words.pins}: ${isolate(pins.join(", "), MAX_QUERY)}`] : []),
    own === undefined
      ? filter
      : `${subjectLine(own, t)}${hasFilter ? ` \u00b7 ${paper.here} ${filter}` : ""}`,
  ];
}

/** Returns the query or the rules of an evidence file in one line. */
function subjectLine(frame: Frame, t: PageTexts["evidence"]): string {
  const { label, pack, query } = subjectOf(frame, t);
  if (pack !== undefined) return `${label}: ${isolate(pack.name)} \u00b7 SHA-256 ${isolate(pack.hash)}`;
  return `${label}: ${query === "" ? t.filed.all : isolate(query, MAX_QUERY)}`;
}

/** Returns an untrusted text that can't hide or reorder the text around it. */
function isolate(text: string, length = MAX_NAME): string {
  const seen = visible(clip(text, length)).map(({ text }) => text);
  return `\u2068${seen.join("").replaceAll(/\s/g, " ")}\u2069`;
}

/**
 * Quotes a string for CSS. Everything but letters and digits is escaped, so that nothing can end the string.
 */
function quoteCss(text: string): string {
  const escaped = Array.from(text, (character) =>
    /[A-Za-z0-9 ]/.test(character) ? character : `\\${character.codePointAt(0)?.toString(16)} `,
  );
  return `"${escaped.join("")}"`;
}
