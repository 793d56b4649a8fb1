/** Verdicts and codes in words. None is computed here. */

import type { FindingCode, Report } from "../report.js";
import { completeRange } from "./facts.js";
import type { Texts } from "./texts/texts.js";
import { type Look, VERDICT_LOOKS } from "./tones.js";

/** A verdict for a person, and how it looks. */
export type VerdictWords = Texts["result"]["logUnconfirmed"] & Look;

/** What the report's verdict says to a person. */
export function verdictWords(report: Report, texts: Texts): VerdictWords {
  const { result } = texts;
  const words = { ...result.verdicts[report.verdict], ...VERDICT_LOOKS[report.verdict] };
  const [found] = report.findings;
  if (report.verdict === "not_checked" && (found?.code === "format.header" || found?.code === "format.compression")) {
    return { ...words, ...result.unread, word: `${codeTitle(found.code, texts)}.` };
  }
  if (report.verdict === "unconfirmed" && report.checks.signatures.state === "pass") {
    return { ...words, ...result.logUnconfirmed };
  }
  const changed = report.finding_counts["payload.mismatch"] ?? 0;
  if (report.verdict === "altered" && changed > 0) {
    const events = texts.figures.events(report.checks.payloads.checked);
    return { ...words, says: changed === 1 ? result.changedOne(events) : result.changed(changed, events) };
  }
  if (report.verdict !== "verified") {
    return words;
  }
  const { complete } = result;
  const range = completeRange(report);
  const of =
    range === undefined
      ? complete.closure
      : range[0] === 0 && range[1] === report.log?.size
        ? complete.all(range[1])
        : complete.range(range[0], range[1] - 1);
  const unseen = report.checks.log.state === "pass" ? complete.unseenWithLog : complete.unseenWithoutLog;
  return { ...words, says: `${words.says} ${of}`, not: [...words.not, unseen] };
}

/** A few words for a code; the code itself where it is newer than the texts. */
export function codeTitle(code: FindingCode, { result }: Texts): string {
  return Object.hasOwn(result.codes, code) ? result.codes[code] : code;
}
