/** Cards about the log itself: its verdict, its history, and its witnesses. */

import { outcomeOf } from "@countersign/ui/viewer/parts/icons.js";
import { verdictWords } from "@countersign/ui/viewer/verdict/verdict.js";
import type { Report } from "countersign/verify";
import { html } from "lit";
import { coreSentence, localDay } from "../../src/core-sentence.ts";
import { vouchers } from "../../src/state/signers.ts";
import type { ConsoleTexts } from "../texts/index.ts";
import { type Card, isTrusted, type StatusInput, TONE_STATES, toTheSecond } from "./card.ts";
import { checked } from "./checked.ts";

/** Says up to which entry and time the log is verified. */
export function logCard(input: StatusInput, t: ConsoleTexts): Card {
  return checked("log", input, t, ({ session, scope }, judged) => {
    const { report } = judged;
    const { tone, word } = verdictWords(judged, t.viewer, { compared: session.compared });
    const words = t.overview.log;
    const { entries } = t.viewer.figures;
    const newest = newestOf(report);
    const size = report.log?.size;
    const added = size === undefined ? 0 : Math.max(0, (input.published?.size ?? 0) - size);
    return {
      state: TONE_STATES[tone],
      says: word,
      more: [
        size === undefined
          ? words.noCheckpoint
          : html`${(isTrusted(report) ? words.upTo : words.readUpTo)(entries(size))}${newest === undefined ? "" : html`, ${words.newest} ${toTheSecond(newest)}`}`,
        ...(scope.at === undefined ? [] : [html`${words.at} ${toTheSecond(scope.at.toISOString())}`]),
        ...(added > 0 ? [words.added(added)] : []),
      ],
      action: input.trust === undefined ? "choose-trust-file" : added > 0 ? "load-again" : undefined,
    };
  });
}

/** Returns the time of the newest link, by its emitter's clock. */
function newestOf({ signers }: Report): string | undefined {
  return signers
    .map(({ last }) => last)
    .sort()
    .at(-1);
}

/** Says whether the log still contains what this device saw before. */
export function alarmsCard(input: StatusInput, t: ConsoleTexts): Card {
  const words = t.overview.alarms;
  const { alarm, memory } = input.history;
  if (alarm !== undefined) return { name: "alarms", state: "bad", says: words.alarm, more: [words.above] };
  return checked("alarms", input, t, (_, judged) => {
    const check = judged.report.checks.append_only;
    const { seen } = input.shown?.scope ?? {};
    if (check.state === "pass" && seen !== undefined) {
      const since = html`${words.continues(seen.size)} ${localDay(seen.when, t.page.viewer.lang)}`;
      return { state: "good", says: words.none, more: [since] };
    }
    const why = !memory.isOn
      ? words.memoryOff
      : seen === undefined
        ? words.first
        : coreSentence(check.reason ?? "", judged.phrases, t.page);
    return {
      state: "unchecked",
      says: words.notCompared,
      more: [why],
      action: memory.isOn ? undefined : "allow-memory",
    };
  });
}

/** Says how many witnesses of the reader's quorum cosigned the newest checkpoint, and when. */
export function witnessesCard(input: StatusInput, t: ConsoleTexts): Card {
  return checked("witnesses", input, t, ({ session: { marks } }, judged) => {
    const words = t.overview.witnesses;
    const { trust, now } = input;
    const { witnesses: check } = judged.report.checks;
    if (trust === undefined)
      return {
        state: "unchecked",
        says: t.overview.notChecked(t.overview.noTrust),
        more: [],
        action: "choose-trust-file",
      };
    const named = vouchers(marks, trust).filter(({ role }) => role === "witness");
    const newest = marks.checkpoints.at(-1);
    const ids = new Set(named.map(({ id, name }) => `${id} ${name}`));
    const valid = new Set(
      (newest?.signatures ?? [])
        .filter(({ valid, id, name }) => valid === true && ids.has(`${id} ${name}`))
        .map(({ id, name }) => `${id} ${name}`),
    );
    const share = words.share(valid.size, ids.size);
    if (check.state === "pass" && newest !== undefined) {
      const age = newest.seen === null ? undefined : Math.max(0, (now - Date.parse(newest.seen)) / 1000);
      return {
        state: "good",
        says: words.met,
        more: [
          share,
          ...(age === undefined || newest.seen === null
            ? []
            : [html`${words.seen(t.viewer.figures.duration(age))} (${toTheSecond(newest.seen)})`]),
        ],
      };
    }
    if (check.state === "fail") return { state: "bad", says: words.unmet, more: [share] };
    if (outcomeOf("witnesses", judged) === "not_needed")
      return { state: "unchecked", says: words.none, more: [words.noneMeans] };
    const why = check.reason === null ? [] : [coreSentence(check.reason, judged.phrases, t.page)];
    return { state: "unchecked", says: words.unknown, more: why };
  });
}
