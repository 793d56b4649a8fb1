import type { PrintedEvidence } from "./panel.ts";
import type { EvidenceTexts } from "./texts.ts";

/** So much of a text stands at the foot of a page. */
const LONGEST = 300;

let sheet: CSSStyleSheet | undefined;

/** Puts onto each printed page what it is of, and its number. Without evidence nothing stands there. */
export function footPages(
  evidence: PrintedEvidence | undefined,
  when: Date | undefined,
  t: EvidenceTexts,
): void {
  document.adoptedStyleSheets = document.adoptedStyleSheets.filter((one) => one !== sheet);
  if (evidence === undefined) return;
  sheet = new CSSStyleSheet();
  const { file, version, page, trust, pins } = evidence.foot;
  const lines = [
    `${file.name} \u00b7 ${file.size} B \u00b7 SHA-256 ${file.sha256}`,
    `countersign ${version}${when ? ` \u00b7 ${when.toISOString()}` : ""} \u00b7 ${t.paper.page} SHA-256 ${page}`,
    ...(trust ? [`${t.filed.trustFile}: ${trust.name} \u00b7 SHA-256 ${trust.sha256}`] : []),
    ...(pins.length > 0 ? [`${t.filed.pins}: ${pins.join(", ")}`] : []),
    `${t.paper.filter}: ${evidence.query === "" ? t.filed.all : evidence.query}`,
  ];
  const words = lines.map((line) => quoted(line.slice(0, LONGEST))).join(' "\\a " ');
  sheet.replaceSync(`@page {
    @bottom-left {
      content: ${words};
      width: 88%;
      white-space: pre-line;
      text-align: left;
      vertical-align: top;
      padding-top: 2mm;
      overflow-wrap: anywhere;
      font: 5.8pt/1.4 ui-monospace, monospace;
      color: #444;
    }
    @bottom-right {
      content: ${quoted(`${t.paper.page} `)} counter(page) " / " counter(pages);
      vertical-align: top;
      padding-top: 2mm;
      font: 7.5pt sans-serif;
      color: #444;
    }
  }`);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

/** A text as CSS writes it: whatever is no letter or digit by its number, so that nothing ends it. */
function quoted(text: string): string {
  const escaped = Array.from(text, (character) =>
    /[A-Za-z0-9 ]/.test(character) ? character : `\\${character.codePointAt(0)?.toString(16)} `,
  );
  return `"${escaped.join("")}"`;
}
