/** Verdicts and codes in words. None is computed here. */

import type { Finding, FindingCode, Report } from "../report.js";
import { completeRange } from "./facts.js";
import { moment, type Zone } from "./format.js";
import { type Look, VERDICT_LOOKS } from "./icons.js";
import type { Texts } from "./texts/texts.js";

/** How the codes begin of errors that say what is lacking. */
const LACKING = ["format.truncated", "range.missing", "expected.", "witness.quorum"] as const;

/** A verdict for a person, and how it looks. */
export type VerdictWords = Texts["result"]["logUnconfirmed"] & Look;

/** What the report's verdict says to a person; of a log that is followed, in that zone. */
export function verdictWords(report: Report, texts: Texts, followed?: Zone): VerdictWords {
  const { result } = texts;
  const words = { ...result.verdicts[report.verdict], ...VERDICT_LOOKS[report.verdict] };
  const [found] = report.findings;
  if (report.verdict === "not_checked" && (found?.code === "format.header" || found?.code === "format.compression")) {
    const { says, not } = result.unread;
    return {
      ...words,
      word: `${codeTitle(found.code, texts)}.`,
      says: `${sentence(found.hint, texts)} ${says}`,
      not,
      next: "",
    };
  }
  const { leaves, skipped } = report.counts;
  if (report.verdict === "not_checked" && leaves + skipped === 0) {
    return { ...words, word: report.log?.size === 0 ? result.emptyLog : result.noEntry };
  }
  if (report.verdict === "unconfirmed" && report.checks.signatures.state === "pass") {
    return { ...words, ...result.logUnconfirmed };
  }
  if (report.verdict === "broken") {
    return { ...words, ...unmet(report, texts) };
  }
  const changed = report.finding_counts["payload.mismatch"] ?? 0;
  if (report.verdict === "altered" && changed > 0) {
    const events = texts.figures.events(report.checks.payloads.checked);
    return { ...words, says: changed === 1 ? result.changedOne(events) : result.changed(changed, events) };
  }
  if (report.verdict === "partial" && isStretch(report)) {
    const { unseen, withheld } = result.stretch;
    return { ...words, ...((report.finding_counts["key.unseen"] ?? 0) > 0 ? unseen : withheld) };
  }
  if (report.verdict !== "verified") {
    return words;
  }
  const { complete } = result;
  const of = completeWords(report, texts, followed);
  const unseen = report.checks.log.state === "pass" ? complete.unseenWithLog : complete.unseenWithoutLog;
  return { ...words, says: `${words.says} ${of}`, not: [...words.not, unseen] };
}

/**
 * The words for it where no error tells of more than that something is lacking: the file's end, entries, or what the
 * reader asks for. The first of these that is lacking explains the others.
 */
function unmet({ findings, origin }: Report, texts: Texts): Partial<VerdictWords> {
  const errors = findings.filter(({ severity }) => severity === "error");
  const lacking = LACKING.flatMap((codes) => errors.filter(({ code }) => code.startsWith(codes)));
  const [first] = lacking;
  if (first === undefined || lacking.length < errors.length) {
    return {};
  }
  const { notWitnessed, notExpected, takenOut, cut, again, says, not } = texts.result.unmet;
  const title = `${codeTitle(first.code, texts)}.`;
  switch (first.code) {
    case "format.truncated": {
      const { unread } = texts.result;
      const isUnread = origin === null;
      return {
        word: title,
        says: `${sentence(first.hint, texts)} ${isUnread ? unread.says : says}`,
        not: isUnread ? unread.not : cut,
        next: again,
      };
    }
    case "range.missing":
      return { word: title, says: `${takenOut} ${says}` };
    case "witness.quorum":
      return { word: notWitnessed, says: `${title} ${says}`, not };
    default:
      return { word: notExpected, says: `${title} ${says}`, not };
  }
}

/** What the core says to do, as a sentence. */
function sentence(hint: string, { core }: Texts): string {
  const said = (core(hint) ?? hint).replace(/^\p{Ll}/u, (letter) => letter.toUpperCase());
  return /[.?]$/.test(said) ? said : `${said}.`;
}

/** Whether every entry is here of what it claims, by a log that the reader trusts. */
function isStretch({ checks }: Report): boolean {
  return checks.range.state === "pass" && checks.log.state === "pass";
}

/** Of a moment what a sentence needs: `2026-11-20 06:01Z`. */
function toTheMinute(moment: string): string {
  return moment.replace(/:\d\d\.\d{3}/, "");
}

function completeWords(report: Report, { result, figures }: Texts, followed: Zone | undefined): string {
  const { complete } = result;
  const range = completeRange(report);
  if (range === undefined) {
    return complete.closure;
  }
  const [first, end] = range;
  if (followed !== undefined) {
    // The earliest link is of the range only where nothing stands before it.
    const [begin] = first === 0 ? report.signers.map(({ first }) => first).sort() : [];
    const from = begin === undefined ? complete.liveFrom(first) : toTheMinute(moment(begin, followed));
    return complete.live(figures.entries(end - first), from);
  }
  return first === 0 && end === report.log?.size
    ? complete.all(end)
    : complete.range(figures.entries(end - first), first, end - 1);
}

/** Whether the sentence of a finding says no more than the title of its code. */
export function isInTitle({ code }: Finding): boolean {
  return code === "payload.mismatch";
}

/** A few words for a code; the code itself where it is newer than the texts. */
export function codeTitle(code: FindingCode, { result }: Texts): string {
  return Object.hasOwn(result.codes, code) ? result.codes[code] : code;
}
