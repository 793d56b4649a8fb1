import type { EventIndex } from "@countersign/ui/index/types.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import type { Report } from "countersign/verify";
import { type Alternatives, readAlternatives } from "./alternatives.ts";
import { answerBasis } from "./answer.ts";
import { type EventChanges, readChanges } from "./answer-changes.ts";
import { outcomesOf, type ReadFacts, readFacts } from "./answer-facts.ts";
import type { AnswerFacts } from "./answer-sentence.ts";
import type { Claims } from "./claims.ts";
import {
  type CoveredNames,
  countWider,
  coveredIn,
  coveredNames,
  type SearchCounts,
} from "./covered-names.ts";
import { countOnBehalf } from "./on-behalf.ts";
import { countOutsideDays, type OutsideDays } from "./outside-days.ts";
import {
  conditionOf,
  NAME_PARTS,
  type NamePart,
  type Question,
  queryOf,
  quote,
  type SearchedName,
  searchedNames,
  unknownNames,
} from "./question.ts";
import { suggestedNames } from "./suggestions.ts";

/** Maximum number of events listed below an answer. */
const MAX_LISTED = 10;

/** A question that was answered. */
export interface Answer extends AnswerFacts {
  readonly session: Session;
  readonly report: Report;
  readonly isWide: boolean;
  readonly query: string;
  readonly facts: ReadFacts;
  readonly changes: ReadonlyMap<number, EventChanges>;
  /** For each name that was searched as part of names: the names that have it. */
  readonly covered: readonly CoveredNames[];
  /** If nothing was found, the names that no event has. */
  readonly unknown: readonly SearchedName[];
  /** If nothing was found: what the events have instead. */
  readonly alternatives: Alternatives | undefined;
  /** Altered events that claim to match; undefined if there are none, or they weren't read yet. */
  readonly claims: Claims | undefined;
  /** Number of further events if names only need to contain what was typed; undefined if not counted. */
  readonly wider: number | undefined;
  /** Events that match except for the days asked about; undefined if the question names no days. */
  readonly outside: OutsideDays | undefined;
  /** True if the events searched are also of other actors than those that the answer is about. */
  readonly hasOthers: boolean;
  /** Number of events in which others acted for whom the question asks about; undefined if not counted. */
  readonly onBehalf: number | undefined;
}

/** A question to answer. */
export interface AskedQuestion {
  readonly question: Question;
  /** True if names only need to contain what was typed. */
  readonly isWide: boolean;
}

/** The events that answer a question. */
export interface AskedEvents {
  readonly session: Session;
  readonly report: Report;
  readonly unrecognized: number;
  /** Makes a query the current search. Resolves to the reason if that fails. */
  readonly search: (query: string) => Promise<SearchCounts | string>;
  readonly isCurrent: () => boolean;
}

/** Returns the answer, or why there is none; undefined if another question or search has replaced this one. */
export async function answerQuestion(
  { question, isWide }: AskedQuestion,
  { session, report, unrecognized, search, isCurrent }: AskedEvents,
): Promise<Answer | string | undefined> {
  const { index } = session;
  const names = await searchedNames(question, index, isWide);
  const query = queryOf(question, names);
  // The events found then show the names that each typed name finds.
  const isAlone = (part: NamePart) =>
    conditionOf(part, names) === query && names.every(({ match }) => match !== "whole");
  const covered: CoveredNames[] = [];
  for (const part of NAME_PARTS) {
    if (!isCurrent()) return undefined;
    if (isAlone(part)) continue;
    const found = await coveredNames(part, names, index, search);
    if (typeof found === "string") return found;
    if (found !== undefined) covered.push(found);
  }
  if (!isCurrent()) return undefined;
  let found = await search(query);
  if (typeof found === "string") return found;
  const { events, of } = found;
  const facts = await readFacts(index, { listed: MAX_LISTED, isCurrent: found.isUnchanged });
  if (facts === undefined) return undefined;
  for (const part of NAME_PARTS) {
    const listed = isAlone(part) ? coveredIn(facts, part, names) : undefined;
    if (listed !== undefined) covered.push(listed);
  }
  const changes = await readChanges(index, facts.first);
  const outcomes = events === 0 ? undefined : await outcomesOf(index, query, events);
  const unknown = events === 0 ? await unknownNames(names, index) : [];
  const wider = await countWider(question, names, events, index);
  const outside = await countOutsideDays(query, events, index);
  const hasOthers = await hasOtherActors(names, index);
  const onBehalf = await countOnBehalf(question, names, index);
  if (!found.isUnchanged()) return undefined;
  const until = await index.asksUntil(query, Date.now());
  const alternatives = events === 0 ? await readAlternatives(question, names, unknown, index) : undefined;
  if (alternatives !== undefined) found = await search(query);
  if (typeof found === "string") return found;
  if (!found.isUnchanged()) return undefined;
  return {
    session,
    report,
    isWide,
    question,
    names,
    query,
    events,
    outcomes,
    actors: facts.isAll ? facts.who : undefined,
    basis: answerBasis(report, { events: of, unrecognized }, { query, until }),
    facts,
    changes,
    covered,
    unknown,
    alternatives,
    claims: undefined,
    wider,
    outside,
    hasOthers,
    onBehalf,
  };
}

/** True if events are by other actors than those asked about, or by several if the question names none. */
async function hasOtherActors(names: readonly SearchedName[], index: EventIndex): Promise<boolean> {
  const asked = conditionOf("who", names);
  const [first] = asked === "" ? await suggestedNames(index, "who", "").catch(() => []) : [];
  const actors = first === undefined ? asked : `actor==${quote(first)}`;
  return actors !== "" && ((await index.count(`has:actor -${actors}`)) ?? 0) > 0;
}
