import { readCheckpoint } from "./checkpoint.ts";
import { keyParts } from "./trust.ts";

/** What a text is, by its beginning. */
export type Kind = "evidence" | "export" | "trust" | "pin" | "key" | "report" | "rules";

/** Trust files, keys and pins are small; larger files are not read whole. */
export const SMALL = 1 << 20;

const TRUST_WORDS = new Set(["log", "witness", "group", "quorum", "issuer", "emitter", "revoke"]);

/** How the report of an export begins. */
const REPORT = '{"countersign":"report/';
/** How a report begins that was filed. */
const FILED = '{"countersign":"evidence/';
/** How a page begins, which may have evidence after it. */
const PAGE = /^<!doctype html/i;
/** What stands before evidence; written so that the page itself does not have it. */
const EVIDENCE = /\n<script type="text\/plain" id="countersign-evidence">\n/;
/** How long that is. */
const LONG = 64;
/** No page that evidence stands after is longer. */
const LONGEST_PAGE = 16 << 20;
/** How a pack of rules begins. */
const RULES = '{"countersign":"rules/';

/** Tells a trust file, a single key, a pin, a report and a pack of rules from an export. */
export async function recognize(file: Blob): Promise<Kind> {
  if (file.size <= SMALL) return recognizeText(await file.text());
  const begin = await file.slice(0, FILED.length).text();
  if (PAGE.test(begin)) return pageOf(await file.slice(0, LONGEST_PAGE + LONG).text());
  return begin.startsWith(REPORT) || begin === FILED
    ? "report"
    : begin.startsWith(RULES)
      ? "rules"
      : "export";
}

/** The same of a text. What is none of them is taken for an export: the verifier says what is wrong with it. */
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

/** A page without evidence is taken for an export too: it may be what stands in its place, such as a page to log in. */
function pageOf(text: string): Kind {
  return EVIDENCE.test(text) ? "evidence" : "export";
}

/** Whether a text begins with an export's header, of whatever version. */
export function beginsAsExport(text: string): boolean {
  const [first = ""] = text.trimStart().split("\n", 1);
  return /^\{.*"countersign"\s*:/.test(first);
}

/** The key in a text that holds one and nothing else but comments. */
export function onlyKey(text: string): string | undefined {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.find((line) => keyParts(line) !== undefined);
}
