/** Cards about what happens in the log: findings, silent emitters, and whether the log is followed. */

import { LEVELS } from "@countersign/ui/analyze/types.js";
import { unparsedShare } from "@countersign/ui/viewer/detection/coverage.js";
import { levelView } from "@countersign/ui/viewer/detection/finding-parts.js";
import { type DetectionOutcome, detectionOutcome } from "@countersign/ui/viewer/detection/outcome.js";
import { value } from "@countersign/ui/viewer/parts/value.js";
import { coversWholeLog } from "@countersign/ui/viewer/session/facts.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import { verdictWords } from "@countersign/ui/viewer/verdict/verdict.js";
import type { Report } from "countersign/verify";
import { html } from "lit";
import { keyParts, trustLines } from "../../src/input/trust.ts";
import { type Rhythm, rhythms } from "../rhythm.ts";
import type { ConsoleTexts } from "../texts/index.ts";
import type { Watch } from "../watch.ts";
import { wordsOf } from "../words.ts";
import { type Card, type CardState, isTrusted, type StatusInput, TONE_STATES, toTheSecond } from "./card.ts";
import { checked } from "./checked.ts";

/** Index of the lowest level that is urgent, and of the lowest that needs attention. */
const URGENT = LEVELS.indexOf("high");
const NOTABLE = LEVELS.indexOf("low");

/** Maximum number of emitters that are named. */
const MAX_NAMED = 3;

/** Counts the findings by severity. */
export function findingsCard(input: StatusInput, t: ConsoleTexts): Card {
  return checked("findings", input, t, ({ session }, { report }) => {
    const words = t.overview.findings;
    const { detection } = session;
    const { status } = detection ?? {};
    if (detection === undefined)
      return { state: "unchecked", says: t.overview.notChecked(words.off), more: [] };
    if (detection.failure !== undefined)
      return { state: "unchecked", says: t.overview.notChecked(detection.failure.message), more: [] };
    if (status === undefined) return { state: "waiting", says: t.overview.waiting, more: [] };
    const { looks, words: outcome } = detectionOutcome(detection, status, t.viewer);
    const counts = LEVELS.map((level, rank) => ({ level, rank, count: status.levels[rank] ?? 0 }))
      .filter(({ count }) => count > 0)
      .reverse();
    const share = unparsedShare(status.coverage, t.viewer);
    const isKnown = isTrusted(report);
    const isPart = !coversWholeLog(report) && (detection.isFinal || session.phase === "live");
    return {
      state: counts[0] === undefined ? stateOfNone(looks, session, report) : stateOf(counts[0].rank),
      says: outcome,
      more: [
        ...(counts.length === 0
          ? []
          : [
              html`<span class="card-levels">${counts.map(({ level, count }) => html`<span>${levelView(level, t.viewer)} ${t.viewer.figures.count(count)}</span>`)}</span>`,
            ]),
        ...(share === undefined ? [] : [share]),
        ...(isKnown ? [] : [t.overview.untrusted]),
      ],
      action: isPart && isKnown ? "verify-whole" : undefined,
    };
  });
}

/** Returns the state for findings of which the worst has this index in `LEVELS`. */
function stateOf(worst: number): CardState {
  if (worst >= URGENT) return "bad";
  return worst >= NOTABLE ? "attention" : "part";
}

/** Returns the state if there are no findings. Only the whole log, examined by all rules, is `good`. */
function stateOfNone(looks: DetectionOutcome["looks"], { phase }: Session, report: Report): CardState {
  if (!isTrusted(report)) return "unchecked";
  switch (looks) {
    case "waiting":
      // A log that is followed is examined as it grows.
      return phase === "live" ? "part" : "waiting";
    case "nothing":
      return coversWholeLog(report) ? "good" : "part";
    case "shown":
      return "part";
    default:
      return "unchecked";
  }
}

/** Counts the emitters that are silent for longer than usual. */
export function emittersCard(input: StatusInput, t: ConsoleTexts): Card {
  return checked("emitters", input, t, (_, { report }) => {
    const words = t.overview.emitters;
    if (!isTrusted(report))
      return { state: "unchecked", says: t.overview.notChecked(t.overview.untrusted), more: [] };
    const all = rhythms(report, input.now);
    const silent = all.filter(({ isSilent }) => isSilent);
    const unclear = all.filter(({ usual }) => usual === undefined).length;
    const used = new Set(all.map(({ vkey }) => vkey));
    const named = trustLines(input.trust ?? "").filter(({ kind }) => kind === "emitter");
    const absent = new Set(named.map(({ vkey }) => vkey).filter((vkey) => !used.has(vkey))).size;
    const whole = coversWholeLog(report);
    const isAll = whole && unclear === 0 && absent === 0;
    const notes = [
      ...(unclear > 0 ? [words.unclear(unclear)] : []),
      ...(absent > 0 ? [words.absent(absent)] : []),
      ...(whole ? [] : [words.part]),
    ];
    if (all.length === 0) return { state: "unchecked", says: t.overview.notChecked(words.none), more: notes };
    const action = whole ? undefined : ("verify-whole" as const);
    if (silent.length > 0)
      return {
        state: "attention",
        says: words.silent(silent.length, all.length),
        more: [namesView(silent, t), ...notes],
        action,
      };
    const heard = all.length - unclear;
    return {
      state: isAll ? "good" : heard === 0 ? "unchecked" : "part",
      says: heard === 0 ? words.noRhythm : words.heard(heard),
      more: notes,
      action,
    };
  });
}

function namesView(silent: readonly Rhythm[], t: ConsoleTexts): unknown {
  const { duration, count } = t.viewer.figures;
  const more = silent.length - MAX_NAMED;
  return html`${silent
    .slice(0, MAX_NAMED)
    .map(
      ({ vkey, since }, place) =>
        html`${place > 0 ? ", " : ""}${value(keyParts(vkey)?.name ?? vkey, 60)} (${t.emitters.silent(duration(since))})`,
    )}${more > 0 ? `, ${t.overview.emitters.more(count(more))}` : ""}.`;
}

/** Says whether the log is followed. */
export function liveCard({ mayRead, watch, shown }: StatusInput, t: ConsoleTexts): Card {
  const words = t.overview.live;
  if (!mayRead)
    return {
      name: "live",
      state: "unchecked",
      says: t.overview.notChecked(t.overview.noToken),
      more: [],
    };
  if (watch === undefined) {
    const at = shown?.scope.at;
    const more = at === undefined ? [] : [html`${words.stateAt} ${toTheSecond(at.toISOString())}`];
    return { name: "live", state: "off", says: words.off, more, action: "begin-live" };
  }
  return { name: "live", ...followedCard(watch, t) };
}

function followedCard({ isStopped, session, refusal, link }: Watch, t: ConsoleTexts): Omit<Card, "name"> {
  const words = t.overview.live;
  const { states } = t.live;
  if (isStopped) return { state: "off", says: states.stopped, more: [], action: "begin-live" };
  if (session.phase === "failed") {
    const why = refusal === undefined ? states.failed : `${t.refusals[wordsOf(refusal)].title}.`;
    return { state: "attention", says: why, more: [], action: "begin-live" };
  }
  if (link.state === "lost") return { state: "attention", says: states.lost(link.seconds), more: [] };
  const { verification, compared } = session;
  if (verification === undefined) return { state: "waiting", says: words.waiting, more: [] };
  if (link.state !== "following") return { state: "waiting", says: states[link.state], more: [] };
  const { tone, word } = verdictWords(verification, t.viewer, { compared });
  const { report } = verification;
  const size = report.log?.size;
  const upTo =
    size === undefined
      ? []
      : [(isTrusted(report) ? t.overview.log.upTo : t.overview.log.readUpTo)(t.viewer.figures.entries(size))];
  return {
    state: TONE_STATES[tone],
    says: states.following,
    more: [word, ...upTo.map((text) => `${text}.`)],
  };
}
