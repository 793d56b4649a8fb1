import type { EventRow, Json, Party } from "@countersign/ui/index/types.js";
import { inSentence } from "@countersign/ui/viewer/parts/format.js";
import { html, type TemplateResult } from "lit";
import type { PageTexts } from "../texts/en.ts";
import { type AnswerBasis, isPartial } from "./answer.ts";
import { type EventChanges, textOf } from "./answer-changes.ts";
import { type ListedName, OUTCOMES, type OutcomeCounts, type ReadFacts } from "./answer-facts.ts";
import { dayText } from "./day-text.ts";
import { wordsOf } from "./name-words.ts";
import { NAME_PARTS, type Question, type SearchedName } from "./question.ts";
import { statedWords } from "./stated-days.ts";

/** Maximum number of actors that the sentence names instead of what was typed. */
const MAX_NAMED = 3;

/** Content of an answer's sentence. */
export interface AnswerFacts {
  readonly question: Question;
  readonly names: readonly SearchedName[];
  readonly events: number;
  /** Undefined if not counted. */
  readonly outcomes: OutcomeCounts | undefined;
  /** Days that the events state. */
  readonly facts: Pick<ReadFacts, "days" | "isAll">;
  /** Actors of the events found; undefined if not all are known. */
  readonly actors: readonly ListedName[] | undefined;
  readonly basis: AnswerBasis;
  /** If nothing was found, the names that no event has. */
  readonly unknown: readonly SearchedName[];
}

/** Returns the field all of whose names no event has, with these names; undefined if there is none. */
export function unknownPart(
  names: readonly SearchedName[],
  unknown: readonly SearchedName[],
): readonly SearchedName[] | undefined {
  return NAME_PARTS.map((part) => names.filter((name) => name.part === part)).find(
    (all) => all.length > 0 && all.every((name) => unknown.includes(name)),
  );
}

/** Renders that no event has a name, as a sentence without its end. */
export function unknownWords(
  names: readonly SearchedName[],
  isPartial: boolean,
  { ask: t }: PageTexts["evidence"],
): string {
  const [first] = names;
  return first === undefined
    ? ""
    : t.unknown[first.part](
        names.map(({ name }) => inSentence(name)),
        isPartial,
      );
}

/** The only event that a question found, with what it changed. */
interface FoundChange {
  readonly row: EventRow;
  readonly changed: EventChanges;
}

/** Returns the only event of an answer if it states what it changed, and not that this failed. */
export function foundChange({
  events,
  facts: { first },
  changes,
}: {
  readonly events: number;
  readonly facts: Pick<ReadFacts, "first">;
  readonly changes: ReadonlyMap<number, EventChanges>;
}): FoundChange | undefined {
  const [row] = first;
  const changed = row && changes.get(row.line);
  const { outcome = "not-stated" } = row?.parsed ?? row?.own ?? {};
  const isDone = outcome === "success" || outcome === "not-stated";
  return events === 1 && row !== undefined && changed !== undefined && isDone ? { row, changed } : undefined;
}

/** Renders what the only event of an answer changed, such as `ada changed retention: days 365 → 30`. */
export function changeWords({ row, changed }: FoundChange, t: PageTexts): string {
  const { actor, target } = row.parsed ?? row.own ?? {};
  const { ask } = t.evidence;
  const written = (json: Json | undefined) => (json === undefined ? "–" : inSentence(textOf(json)));
  const changes = changed.changes.map(
    ({ path, before, after }) =>
      `${[inSentence(path.join(" › ")), written(before)].filter(Boolean).join(" ")} → ${written(after)}`,
  );
  const more = changed.more > 0 ? [t.viewer.rows.diff.more(changed.more)] : [];
  const nameOf = (party: Party | undefined) => party && inSentence(party.name ?? party.id ?? "");
  return ask.changedTo({
    who: nameOf(actor),
    what: nameOf(target),
    changes: [...changes, ...more].join("; "),
  });
}

/** Renders the answer in a sentence, such as `5 events by ada from 2026-08-01 to 2026-08-31: 4 succeeded, 1 failed.` */
export function sentence(
  { question, names, events, outcomes, facts, actors, basis, unknown }: AnswerFacts,
  texts: PageTexts,
): TemplateResult {
  const { evidence, viewer } = texts;
  const { ask: t } = evidence;
  const missing = events === 0 ? unknownPart(names, unknown) : undefined;
  if (missing !== undefined) return html`${unknownWords(missing, isPartial(basis), evidence)}.`;
  const { from, until, basis: timeBasis } = question;
  const between = t.between({ from, until });
  const of = (part: SearchedName["part"]) => names.filter((name) => name.part === part);
  const [who] = of("who");
  const [behalf] = of("behalf");
  const [target] = of("target");
  const details = [
    outcomes === undefined || events === 0 ? "" : outcomeWords(outcomes, events, t, viewer.figures.count),
    facts.isAll ? statedWords(facts.days, question, texts) : "",
  ].filter((words) => words !== "");
  const subject = events > 0 ? t.found(events) : basis.doubts.length > 0 ? t.noneHere : t.noEvents;
  return html`${subject}${who === undefined ? "" : byWords(who, events > 0 ? actors : undefined, t)}${behalf === undefined ? "" : t.behalf[behalf.match](behalf.name)}${actionWords(of("actions"), t)}${target === undefined ? "" : t.to[target.match](target.name)}${dayText(timeBasis === "recorded" && between !== "" ? t.recordedWithin(between) : between)}${isPartial(basis) ? t.ofVerified : ""}${details.length === 0 ? "" : `: ${details.join("; ")}`}.`;
}

function byWords(
  { name, match }: SearchedName,
  actors: readonly ListedName[] | undefined,
  t: PageTexts["evidence"]["ask"],
): TemplateResult | string {
  const isNamed =
    match !== "whole" && actors !== undefined && actors.length > 0 && actors.length <= MAX_NAMED;
  return isNamed ? t.byNames(actors.map(({ label }) => label)) : t.by[match](name);
}

function actionWords(names: readonly SearchedName[], t: PageTexts["evidence"]["ask"]): string {
  const isContained = ({ match }: SearchedName) => match === "part" || match === "words";
  const part = names
    .filter(isContained)
    .map(({ name, match }) => (match === "words" ? wordsOf(name) : [name]));
  const whole = names.filter((name) => !isContained(name)).map(({ name }) => name);
  return names.length === 0 ? "" : t.action(whole, part);
}

/** Returns how many events have each outcome, in words. */
export function outcomeWords(
  outcomes: OutcomeCounts,
  events: number,
  t: PageTexts["evidence"]["ask"],
  count: (value: number) => string,
): string {
  return OUTCOMES.filter((outcome) => outcomes[outcome] > 0)
    .map((outcome) =>
      outcomes[outcome] === events
        ? t.outcomes.all[outcome](events)
        : t.outcomes.some[outcome](count(outcomes[outcome]), outcomes[outcome]),
    )
    .join(", ");
}

/** Returns what a further question about an action keeps of this one, such as ` by ada from 2026-08-01 to 2026-08-31`. */
export function keptWords(
  { question: { from, until }, names }: Pick<AnswerFacts, "question" | "names">,
  t: PageTexts["evidence"]["ask"],
): string {
  const words = (["who", "behalf", "target"] as const).map((part) => {
    const [name] = names.filter((name) => name.part === part);
    const kind = part === "who" ? t.by : part === "behalf" ? t.behalf : t.to;
    return name === undefined ? "" : kind[name.match](name.name);
  });
  return [...words, t.between({ from, until })].join("");
}
