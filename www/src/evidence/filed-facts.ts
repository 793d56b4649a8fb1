import type { Session } from "@countersign/ui/viewer/session/session.js";
import { type EventChanges, readChanges } from "./answer-changes.ts";
import { type ReadFacts, readFacts } from "./answer-facts.ts";
import { searchEntries } from "./entry-search.ts";
import type { Frame } from "./frame.ts";
import { type MissingNames, readMissingNames } from "./missing-names.ts";

/** Maximum number of events listed in a case. */
const MAX_LISTED = 20;

/** The events that an evidence file is about. */
export interface FiledEvents {
  /** Query that selects them in the file. */
  readonly query: string;
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
}

/**
 * Returns the events that an evidence file is about; undefined if it is about findings, which have a list of their own, or
 * about a whole export, which the Events tab shows.
 */
export function filedEvents({ query, slice, time, scope, detections }: Frame): FiledEvents | undefined {
  if (detections !== null || (query === null && slice === null)) return undefined;
  // A slice has only the selected events.
  return { query: slice === null ? (query ?? "") : "", at: Date.parse(time), range: scope.range };
}

/** Reads the events that an evidence file is about. Replaces the query of the session's index. */
export async function readFiledFacts(
  { index }: Session,
  { query, at, range }: FiledEvents,
): Promise<FiledFacts | undefined> {
  await searchEntries(index, query, at);
  // An evidence file is small enough to read all of them.
  const facts = await readFacts(index, { listed: MAX_LISTED, maxEvents: Number.POSITIVE_INFINITY, range });
  if (facts === undefined) return undefined;
  const changes = await readChanges(index, facts.first);
  const missing = facts.read === 0 && range === null ? await readMissingNames(query, index) : undefined;
  return { ...facts, changes, missing };
}
