import { html, type TemplateResult } from "lit";
import type { PageTexts } from "../texts/en.ts";
import type { AnswerBasis } from "./answer.ts";
import { type ListedName, OUTCOMES, type OutcomeCounts, type ReadFacts } from "./answer-facts.ts";
import { dayText } from "./day-text.ts";
import type { Question, SearchedName } from "./question.ts";
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
}

/** Renders the answer in a sentence, such as `5 events by ada from 2026-08-01 to 2026-08-31: 4 succeeded, 1 failed.` */
export function sentence(
  { question, names, events, outcomes, facts, actors, basis: { doubts } }: AnswerFacts,
  texts: PageTexts,
): TemplateResult {
  const {
    evidence: { ask: t },
    viewer: { figures },
  } = texts;
  const { from, until, basis } = question;
  const between = t.between(from, until);
  const of = (part: SearchedName["part"]) => names.filter((name) => name.part === part);
  const [who] = of("who");
  const [behalf] = of("behalf");
  const [target] = of("target");
  const details = [
    outcomes === undefined || events === 0 ? "" : outcomeWords(outcomes, events, t, figures.count),
    facts.isAll ? statedWords(facts.days, question, texts) : "",
  ].filter((words) => words !== "");
  const subject = events > 0 ? t.found(events) : doubts.length > 0 ? t.noneHere : t.noEvents;
  return html`${subject}${who === undefined ? "" : byWords(who, events > 0 ? actors : undefined, t)}${behalf === undefined ? "" : t.behalf[behalf.match](behalf.name)}${actionWords(of("actions"), t)}${target === undefined ? "" : t.to[target.match](target.name)}${dayText(basis === "recorded" && between !== "" ? t.recordedWithin(between) : between)}${doubts.some(({ is }) => is === "unverified") ? t.ofVerified : ""}${details.length === 0 ? "" : `: ${details.join("; ")}`}.`;
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
  const part = names.filter(({ match }) => match === "part").map(({ name }) => name);
  const whole = names.filter(({ match }) => match !== "part").map(({ name }) => name);
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
