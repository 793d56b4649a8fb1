import type { EventIndex } from "@countersign/ui/index/types.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import { countPresent, type PresentName } from "./alternatives.ts";
import { type EventChanges, readChanges } from "./answer-changes.ts";
import { type DelayFacts, type ReadFacts, readFacts } from "./answer-facts.ts";
import { countWider } from "./covered-names.ts";
import { searchEntries } from "./entry-search.ts";
import type { Frame } from "./frame.ts";
import { type MissingNames, readMissingNames } from "./missing-names.ts";
import { countOnBehalf } from "./on-behalf.ts";
import { type OutsideDays, readOutsideDays } from "./outside-days.ts";
import { type Question, queryOf, unknownNames } from "./question.ts";
import { parseQuestion, questionFrom } from "./question-terms.ts";

/** Maximum number of events listed in a case. */
const MAX_LISTED = 20;

/** The events that an evidence file is about. */
export interface FiledEvents {
  /** Query that selects them in the file. */
  readonly query: string;
  /** Query that selected them in the export. */
  readonly asked: string;
  /** True if the file contains everything that was searched. */
  readonly isContained: boolean;
  /** Time from which relative times in the query count, in milliseconds since 1970. */
  readonly at: number;
  readonly range: readonly [number, number] | null;
}

/** Facts from the events that an evidence file is about, read by this page. */
export interface FiledFacts extends ReadFacts {
  /** Changes of the first events, by line. */
  readonly changes: ReadonlyMap<number, EventChanges>;
  /** If there is no event: the names in the query that no event has. */
  readonly missing: MissingNames | undefined;
  /** The last millisecond since 1970 that the query asks about by its conditions on times; undefined if it has none. */
  readonly asksUntil: number | undefined;
  /** Events that match except for their times; undefined if the query has no times. */
  readonly outside: OutsideDays | undefined;
  /** Events that match by other names; undefined if the query isn't a question of Ask, or its other events aren't here. */
  readonly further: FurtherEvents | undefined;
  /** Delays of all events in the file, if it contains everything that a query searched; undefined otherwise. */
  readonly searched: DelayFacts | undefined;
}

/** Numbers of events that a question leaves out because of its names. */
export interface FurtherEvents {
  readonly question: Question;
  /** Number of events in which others acted for whom the question asks about; undefined if not counted. */
  readonly onBehalf: number | undefined;
  /** Number of further events if names only need to contain those asked about; undefined if not counted. */
  readonly wider: number | undefined;
  /** If nothing was found: the actions asked about that events have. */
  readonly present: readonly PresentName[];
}

/**
 * Returns the events that an evidence file is about; undefined if it is about findings, which have a list of their own, or
 * about a whole export, which the Events tab shows.
 */
export function filedEvents({ query, slice, time, scope, detections }: Frame): FiledEvents | undefined {
  if (detections !== null || (query === null && slice === null)) return undefined;
  // A slice has only the selected events.
  return {
    query: slice === null ? (query ?? "") : "",
    asked: query ?? "",
    isContained: slice === null,
    at: Date.parse(time),
    range: scope.range,
  };
}

/** Reads the events that an evidence file is about. Replaces the query of the session's index. */
export async function readFiledFacts(
  { index }: Session,
  { query, asked, isContained, at, range }: FiledEvents,
): Promise<FiledFacts | undefined> {
  await searchEntries(index, query, at);
  // An evidence file is small enough to read all of them.
  const facts = await readFacts(index, { listed: MAX_LISTED, maxEvents: Number.POSITIVE_INFINITY, range });
  if (facts === undefined) return undefined;
  const changes = await readChanges(index, facts.first);
  const missing = facts.read === 0 && range === null ? await readMissingNames(query, index) : undefined;
  const filed = { query: asked, found: facts.read, isContained, at, range };
  const outside = await readOutsideDays(filed, index);
  const asksUntil = await index.asksUntil(asked, at);
  const further = isContained && range === null ? await countFurther(asked, facts.read, index) : undefined;
  const searched = isContained ? await readDelays(index, at) : undefined;
  return { ...facts, changes, missing, asksUntil, outside, further, searched };
}

/** Reads how late all events of a file were recorded, as many as the Summary of an export examines. */
async function readDelays(
  index: Pick<EventIndex, "ask" | "indexes" | "rows">,
  at: number,
): Promise<DelayFacts | undefined> {
  await searchEntries(index, "", at);
  return readFacts(index, { listed: 0 });
}

/** Counts the events that a question leaves out because of its names; undefined if the query isn't a question of Ask. */
async function countFurther(
  query: string,
  found: number,
  index: Pick<EventIndex, "count">,
): Promise<FurtherEvents | undefined> {
  const terms = parseQuestion(query);
  if (terms === undefined) return undefined;
  const { names, question } = questionFrom(terms);
  // A query that was written otherwise may have several actors, or other conditions on a name.
  if (queryOf(question, names) !== query) return undefined;
  const isNone = found === 0;
  return {
    question,
    present: isNone ? await countPresent(question, names, await unknownNames(names, index), index) : [],
    onBehalf: await countOnBehalf(question, names, index),
    wider: await countWider(question, names, found, index),
  };
}
