import { inSentence } from "@countersign/ui/viewer/parts/format.js";
import { html, type TemplateResult } from "lit";
import type { PageTexts } from "../texts/en.ts";
import { type AnswerBasis, isPartial } from "./answer.ts";
import { type ListedName, OUTCOMES, type OutcomeCounts } from "./answer-facts.ts";
import { wordsOf } from "./name-words.ts";
import { NAME_PARTS, type Question, type SearchedName } from "./question.ts";

/** Maximum number of actors that the sentence names instead of what was typed. */
const MAX_NAMED = 3;

/** Content of an answer's sentence. */
export interface AnswerFacts {
  readonly question: Question;
  readonly names: readonly SearchedName[];
  readonly events: number;
  /** Undefined if not counted. */
  readonly outcomes: OutcomeCounts | undefined;
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

/** Renders the answer in a sentence, such as `5 events by ada from 2026-08-01 to 2026-08-31: 4 succeeded, 1 failed.` */
export function sentence(
  { question: { from, until }, names, events, outcomes, actors, basis, unknown }: AnswerFacts,
  { evidence, viewer: { figures } }: PageTexts,
): TemplateResult {
  const { ask: t } = evidence;
  const missing = events === 0 ? unknownPart(names, unknown) : undefined;
  if (missing !== undefined) return html`${unknownWords(missing, isPartial(basis), evidence)}.`;
  const of = (part: SearchedName["part"]) => names.filter((name) => name.part === part);
  const [who] = of("who");
  const [behalf] = of("behalf");
  const [target] = of("target");
  const subject = events > 0 ? t.found(events) : basis.doubts.length > 0 ? t.noneHere : t.noEvents;
  return html`${subject}${who === undefined ? "" : byWords(who, events > 0 ? actors : undefined, t)}${behalf === undefined ? "" : t.behalf[behalf.match](behalf.name)}${actionWords(of("actions"), t)}${target === undefined ? "" : t.to[target.match](target.name)}${t.between(from, until)}${isPartial(basis) ? t.ofVerified : ""}${outcomes === undefined || events === 0 ? "" : `: ${outcomeWords(outcomes, events, t, figures.count)}`}.`;
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
