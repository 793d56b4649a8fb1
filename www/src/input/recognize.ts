import { readCheckpoint } from "./checkpoint.ts";
import { keyParts } from "./trust.ts";

/** Kind of an input, by its beginning. */
export type Kind = "evidence" | "export" | "trust" | "pin" | "key" | "report" | "rules";

/** Maximum size of trust files, keys, and pins. Larger files aren't read whole. */
export const MAX_SMALL_BYTES = 1 << 20;

const TRUST_WORDS = new Set([
  "log",
  "witness",
  "group",
  "quorum",
  "growth",
  "issuer",
  "emitter",
  "revoke",
  "origin",
]);

/** Beginning of an export's report. */
const REPORT = '{"countersign":"report/';
/** Beginning of a filed report. */
const FILED = '{"countersign":"evidence/';
/** Beginning of a page, which evidence may follow. */
const PAGE = /^<!doctype html/i;
/**
 * Matches the line before evidence, in a form that the page itself doesn't contain. With other line ends, as some mail
 * programs write them, it is refused as evidence that was altered.
 */
const EVIDENCE = /\n<script type="text\/plain" id="countersign-evidence">\r?\n/;
/** Maximum length of that line. */
const MAX_LINE_BYTES = 64;
/** Maximum size of the page in an evidence file. */
const MAX_PAGE_BYTES = 16 << 20;
/** Beginning of a rule pack. */
const RULES = '{"countersign":"rules/';

/** Returns the kind of a file. */
export async function recognize(file: Blob): Promise<Kind> {
  if (file.size <= MAX_SMALL_BYTES) return recognizeText(await file.text());
  const begin = await file.slice(0, FILED.length).text();
  if (PAGE.test(begin)) return pageOf(await file.slice(0, MAX_PAGE_BYTES + MAX_LINE_BYTES).text());
  return begin.startsWith(REPORT) || begin === FILED
    ? "report"
    : begin.startsWith(RULES)
      ? "rules"
      : "export";
}

/**
 * Returns the kind of a text. Anything unknown counts as an export, because the verifier explains what is
 * wrong with it.
 */
export function recognizeText(text: string): Kind {
  if (PAGE.test(text)) return pageOf(text);
  if (text.startsWith(REPORT) || text.startsWith(FILED)) return "report";
  if (text.startsWith(RULES)) return "rules";
  if (readCheckpoint(text) !== undefined) return "pin";
  const lines = text.split("\n").map((line) => line.trim());
  const statements = lines.filter((line) => line !== "" && !line.startsWith("#"));
  const [first = ""] = statements;
  if (statements.length === 1 && keyParts(first) !== undefined) return "key";
  return TRUST_WORDS.has(first.split(/[ \t]/)[0] ?? "") ? "trust" : "export";
}

/**
 * Returns the kind of a page. Without evidence it counts as an export, because it may have been served in its
 * place, such as a login page.
 */
function pageOf(text: string): Kind {
  return EVIDENCE.test(text) ? "evidence" : "export";
}

/** True if a text begins with an export's header, of any version. */
export function beginsAsExport(text: string): boolean {
  const [first = ""] = text.trimStart().split("\n", 1);
  return /^\{.*"countersign"\s*:/.test(first);
}

/** Returns the key in a text that contains only a key and comments. */
export function onlyKey(text: string): string | undefined {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.find((line) => keyParts(line) !== undefined);
}
