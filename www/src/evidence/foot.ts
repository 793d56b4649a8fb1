import { clip, visible } from "@countersign/ui/viewer/parts/format.js";
import type { PageTexts } from "../texts/en.ts";
import type { Filed } from "./filed.ts";
import type { Frame } from "./frame.ts";
import { subjectOf } from "./frame-subject.ts";
import type { Foot, PrintedEvidence } from "./print-preparation.ts";

/** Maximum length of untrusted text and of queries in the footer, in UTF-16 units. */
const MAX_NAME = 80;
const MAX_QUERY = 200;

let sheet: CSSStyleSheet | undefined;

/** A printed document whose pages have a footer of their own. */
export interface FootedPaper {
  /** Value of `data-paper` of its element, which is also the name of its pages. */
  readonly name: string;
  readonly lines: readonly string[];
}

/** Sets the footer of printed pages: what they belong to, and their number. None without lines. */
export function footPages(
  lines: readonly string[] | undefined,
  others: readonly FootedPaper[],
  t: PageTexts["evidence"],
): void {
  document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet);
  if (lines === undefined) return;
  sheet = new CSSStyleSheet();
  const named = others.map(
    ({ name, lines }) => `[data-paper="${name}"] { page: ${name}; } ${pageRule(name, lines, t)}`,
  );
  sheet.replaceSync([pageRule("", lines, t), ...named].join("\n"));
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

/** Returns the CSS of the footer of pages with a name, or of all others if it is empty. */
function pageRule(name: string, lines: readonly string[], t: PageTexts["evidence"]): string {
  const words = lines.map(quoteCss).join(' "\\a " ');
  return `@page ${name} {
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
  }`;
}

/**
 * Returns the lines of the footer: what an evidence file claims to be about, or else the file and the search.
 */
export function linesOf(
  { foot, searched }: Pick<PrintedEvidence, "foot" | "searched">,
  filed: Filed | undefined,
  when: Date | undefined,
  t: PageTexts["evidence"],
): readonly string[] {
  const { filed: words, paper } = t;
  const query = searched.query === "" ? words.all : isolate(searched.query, MAX_QUERY);
  const error = searched.state === "error" ? ` (${paper.inError})` : "";
  const own = filed?.frame;
  const hasFilter = searched.query !== "" || error !== "";
  return [
    ...(filed === undefined
      ? [fileLine(foot.file, t)]
      : [
          `${words.heading}: ${isolate(filed.name)} \u00b7 ${hashWords(filed.sha256, t)}`,
          `${words.file}: ${fileLine(filed.frame.file, t)}`,
        ]),
    ...sourceLines(foot, when, t),
    own === undefined
      ? `${paper.filter}: ${query}${error}`
      : `${subjectLine(own, t)}${hasFilter ? ` \u00b7 ${paper.here}: ${query}${error}` : ""}`,
  ];
}

/** Returns the lines of the footer of pages about whole files, regardless of a search. */
export function fileLines(
  feet: readonly Foot[],
  when: Date | undefined,
  t: PageTexts["evidence"],
): readonly string[] {
  const [foot] = feet;
  return [
    ...feet.map(({ file }) => fileLine(file, t)),
    ...(foot === undefined ? [] : sourceLines(foot, when, t)),
  ];
}

function fileLine({ name, size, sha256 }: Foot["file"], t: PageTexts["evidence"]): string {
  return `${isolate(name)} \u00b7 ${size} B \u00b7 ${hashWords(sha256, t)}`;
}

/** Returns the page, the time, the trust file and the pins of a verdict. */
function sourceLines(
  { version, page, trust, pins }: Foot,
  when: Date | undefined,
  t: PageTexts["evidence"],
): readonly string[] {
  const { filed: words, paper } = t;
  return [
    `countersign ${version}${when ? ` \u00b7 ${when.toISOString()}` : ""} \u00b7 ${paper.page} ${hashWords(page, t)}`,
    ...(trust ? [`${words.trustFile}: ${isolate(trust.name)} \u00b7 ${hashWords(trust.sha256, t)}`] : []),
    ...(pins.length > 0 ? [`${words.pins}: ${isolate(pins.join(", "), MAX_QUERY)}`] : []),
  ];
}

function hashWords(sha256: string | undefined, { paper }: PageTexts["evidence"]): string {
  return `SHA-256 ${sha256 ?? paper.noHash}`;
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
