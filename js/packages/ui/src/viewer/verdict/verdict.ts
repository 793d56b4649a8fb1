/** Verdicts and codes in words. Nothing is computed here. */

import type { Finding, FindingCode, Judged, Phrases, Report, RootLog } from "@countersign/shared/report.js";
import { moment, type Zone } from "../parts/format.js";
import { type Look, VERDICT_LOOKS } from "../parts/icons.js";
import { completeRange } from "../session/facts.js";
import type { TrustCompared } from "../session/trust-compared.js";
import type { Texts } from "../texts/texts.js";
import { comparedHeadline, comparedNames, comparedNext, comparedWords } from "./trust-compared-view.js";

/** A verdict in words, with its appearance. */
export type VerdictWords = Texts["result"]["logUntrusted"] & Look;

/** Options of a verdict's wording. */
export interface Wording {
  /** Time zone, for a log that is followed. */
  readonly followed?: Zone | undefined;
  /**
   * Comparison of the trust file's keys with those that signed, so that a wrong trust file doesn't look like a
   * missing one.
   */
  readonly compared?: TrustCompared | undefined;
}

/** Returns a report's verdict in words. */
export function verdictWords(
  judged: Pick<Judged, "report" | "phrases" | "why">,
  texts: Texts,
  { followed, compared }: Wording = {},
): VerdictWords {
  const { verdict } = judged.report;
  const plain = { ...texts.result.verdicts[verdict], ...VERDICT_LOOKS[verdict] };
  const isNoneYet = followed !== undefined && hasNothingYet(judged);
  const words = { ...plain, ...(isNoneYet ? noneYet(texts) : instead(judged, plain, texts, followed)) };
  return withComparison(judged, words, plain, compared, texts);
}

/** True if a log that is followed has not shown an event so far. */
function hasNothingYet({ report: { verdict, counts }, why }: Pick<Judged, "report" | "why">): boolean {
  return verdict === "not_checked" && counts.events === 0 && (why === null || why === "empty.export");
}

function noneYet({ live }: Texts): Partial<VerdictWords> {
  return { word: live.noneYet, says: live.noneYetWhy, next: "", icon: "waiting", tone: "faint" };
}

/** Adds to a verdict's words that the trust file doesn't vouch for all that signed. */
function withComparison(
  { report: { verdict }, why }: Pick<Judged, "report" | "why">,
  words: VerdictWords,
  plain: VerdictWords,
  compared: TrustCompared | undefined,
  texts: Texts,
): VerdictWords {
  const mismatch = comparedWords(compared, texts);
  if (compared === undefined || mismatch === "") {
    return words;
  }
  const isNone = compared.result === "none";
  if (verdict === "untrusted" && (isNone || words.word === plain.word)) {
    const names = comparedNames(compared, texts);
    const says = [names, plain.says].filter((text) => text !== "").join(" ");
    return { ...words, word: comparedHeadline(compared, texts), says, next: comparedNext(compared, texts) };
  }
  // The log and the witnesses of a wrong trust file didn't sign either.
  if (isNone && (why === "witness.quorum" || (verdict === "not_checked" && why === null))) {
    const says = [comparedNames(compared, texts), words.word, words.says].filter((text) => text !== "").join(" ");
    return { ...words, word: comparedWords(compared, texts, true), says, next: comparedNext(compared, texts) };
  }
  // If something was changed or is missing, that comes first.
  const isFirst = verdict === "untrusted" || verdict === "not_checked";
  const says = isFirst ? `${mismatch} ${words.says}` : `${words.says} ${mismatch}`;
  return { ...words, says, next: isFirst ? comparedNext(compared, texts) : words.next };
}

/** Returns the words that replace the verdict's own ones. */
function instead(
  { report, phrases, why }: Pick<Judged, "report" | "phrases" | "why">,
  { says, not }: VerdictWords,
  texts: Texts,
  followed: Zone | undefined,
): Partial<VerdictWords> {
  const { complete, emptyLog, noEntry, logUntrusted, wholeRange, unmet, unread, ...result } = texts.result;
  const found = report.findings.find(({ code }) => why !== null && code.startsWith(why));
  const title = found ? `${codeTitle(found.code, texts)}.` : "";
  const todo = found ? sentence(found.hint, phrases, texts) : "";
  switch (why) {
    case "format.header":
    case "format.compression":
      return { word: title, says: `${todo} ${unread.says}`, not: unread.not, next: "" };
    case "format.truncated": {
      const { says, not } = report.origin === null ? unread : { says: unmet.says, not: unmet.cut };
      return { word: title, says: `${todo} ${says}`, not, next: unmet.again };
    }
    case "range.missing":
      return { word: title, says: `${unmet.takenOut} ${unmet.says}` };
    case "append_only.rollback":
      return result.rollback;
    case "witness.quorum":
      return { word: unmet.notWitnessed, says: `${title} ${unmet.says}`, not: unmet.not };
    case "expected":
      return { word: unmet.notExpected, says: `${title} ${unmet.says}`, not: unmet.not };
    case "empty.log":
      return { word: emptyLog };
    case "empty.export":
      return { word: noEntry };
    case "log.unknown":
      return logUntrusted;
    case "log.unnamed":
      return result.logUnnamed;
    case "key.unseen":
      return report.counts.withheld === 0
        ? wholeRange.unseen
        : { ...wholeRange.unseen, says: `${wholeRange.unseen.says} ${wholeRange.unseenAndWithheld}` };
    case "payload.withheld":
      return wholeRange.withheld;
    case null:
      break;
  }
  const changed = report.finding_counts["payload.mismatch"] ?? 0;
  if (changed > 0) {
    const events = texts.figures.events(report.checks.payloads.checked);
    return { says: changed === 1 ? result.changedOne(events) : result.changed({ changed, events }) };
  }
  if (report.verdict !== "verified") {
    return report.verdict === "partial" ? partWords(report, result.part) : {};
  }
  const unseen = report.checks.log.state === "pass" ? complete.unseenWithLog : complete.unseenWithoutLog;
  return { says: `${says} ${completeWords(report, texts, followed)}`, not: [...not, unseen] };
}

/** Returns how much of the log is here, instead of words that it may be only part, if it is for certain. */
function partWords({ counts, log }: Report, words: Texts["result"]["part"]): Partial<VerdictWords> {
  const left = leftOutWords(counts, words);
  if (left === "") {
    return {};
  }
  const shown = counts.entries - counts.withheld;
  const others = shown - counts.events;
  const says = words.says(left);
  return {
    word: words.word({ shown, of: Math.max(counts.entries + counts.skipped, log?.size ?? 0) }),
    says: others === 0 ? says : `${says} ${words.others(others)}`,
  };
}

/** Returns how many events are withheld and how many entries omitted, in a clause; empty for none. */
export function leftOutWords(
  { withheld, skipped }: Pick<Report["counts"], "withheld" | "skipped">,
  words: Texts["result"]["part"],
): string {
  if (withheld > 0 && skipped > 0) {
    return words.both({ withheld: words.withheld(withheld), skipped: words.skipped(skipped) });
  }
  return withheld > 0 ? words.withheld(withheld) : skipped > 0 ? words.skipped(skipped) : "";
}

/** Returns a hint of the core as a sentence. */
function sentence(hint: string, phrases: Phrases, { core }: Texts): string {
  const text = (core(hint, phrases) ?? hint).replace(/^\p{Ll}/u, (letter) => letter.toUpperCase());
  return /[.?]$/.test(text) ? text : `${text}.`;
}

/** Shortens a time for a sentence: `2026-11-20 06:01Z`. */
function toTheMinute(moment: string): string {
  return moment.replace(/:\d\d\.\d{3}/, "");
}

/** Shortens the time of a tick, which is in whole seconds. */
function toTheSecond(time: string): string {
  return moment(time).replace(/\.000(?=Z$)/, "");
}

function completeWords(report: Report, { result, figures }: Texts, followed: Zone | undefined): string {
  const { complete } = result;
  const range = completeRange(report);
  if (range === undefined) {
    return complete.closure;
  }
  const [first, end] = range;
  if (end === 0) {
    return complete.nothing(toTheSecond(report.log?.time ?? ""));
  }
  if (followed !== undefined) {
    // The earliest link belongs to the range only if nothing comes before it.
    const [begin] = first === 0 ? report.signers.map(({ first }) => first).sort() : [];
    const from = begin === undefined ? complete.liveFrom(first) : toTheMinute(moment(begin, followed));
    const live = report.only_grew === true ? complete.liveOfTenantGrown : complete.liveOfTenant;
    return first === 0 && report.root_log !== undefined
      ? withHistory(live({ all: complete.ofTenant(end), from }), report, result)
      : complete.live({ entries: figures.entries(end - first), from });
  }
  if (first !== 0 || end !== report.log?.size) {
    return complete.range({ entries: figures.entries(end - first), first, last: end - 1 });
  }
  return report.root_log === undefined ? complete.all(end) : tenantWords(report, report.root_log, end, result);
}

/** Returns the words for the whole log of a tenant. */
function tenantWords(report: Report, root: RootLog, entries: number, result: Texts["result"]): string {
  const { asOf, asOfGrown, ofTenant } = result.complete;
  const words = report.only_grew === true ? asOfGrown : asOf;
  return withHistory(
    words({ all: ofTenant(entries), time: toTheSecond(report.log?.time ?? root.time) }),
    report,
    result,
  );
}

/** Adds the interval without rewrites to the words for the whole log of a tenant, unless a growth witness says more. */
function withHistory(all: string, report: Report, { complete }: Texts["result"]): string {
  // Without witnesses, a log server can make up any history.
  if (report.only_grew === true || report.history === undefined || report.checks.witnesses.state !== "pass") {
    return all;
  }
  const { since, anchors, to } = report.history;
  return `${all} ${complete.history({ moments: complete.moments(anchors), since: toTheSecond(since), to: toTheSecond(to) })}`;
}

/** True if a finding's message repeats the title of its code. */
export function isInTitle({ code }: Finding): boolean {
  return code === "payload.mismatch";
}

/** Returns the title of a code; the code itself if it is newer than the texts. */
export function codeTitle(code: FindingCode, { result }: Texts): string {
  return Object.hasOwn(result.codes, code) ? result.codes[code] : code;
}
