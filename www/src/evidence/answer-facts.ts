import type { EventFacts, EventIndex, EventRow, Outcome, Party } from "@countersign/ui/index/types.js";
import { addDay, type StatedDays } from "./stated-days.ts";

/** Maximum number of events of an answer that are read for names and times. */
export const MAX_READ_EVENTS = 20_000;
/** Number of rows that are read at a time. */
const PAGE_ROWS = 1_000;
export const DAY_MS = 86_400_000;
/** An event is late if it was recorded more than this after the time that it states. */
export const LATE_MS = DAY_MS;
/** Clocks may differ by this much. Events that state a later time are of the future, as for detection rules. */
export const MAX_CLOCK_SKEW_MS = 300_000;

/** Display name of a party, and the identifier to search for it. */
export interface ListedName {
  readonly label: string;
  readonly id: string;
}

/** Facts from the events that the current search found, in the order of the log. */
export interface ReadFacts {
  /** Number of events read. */
  readonly read: number;
  /** True if all events found were read. */
  readonly isAll: boolean;
  /** The first events. */
  readonly first: readonly EventRow[];
  readonly who: readonly ListedName[];
  readonly behalf: readonly ListedName[];
  readonly actions: readonly ListedName[];
  readonly target: readonly ListedName[];
  readonly outcomes: OutcomeCounts;
  /** Actions with their numbers of events: those that failed or were denied first, then the most frequent. */
  readonly byAction: readonly ActionCount[];
  /** Number of late events, and the longest delay in milliseconds. */
  readonly late: number;
  readonly longest: number;
  /** Number of events that state a time later than their recording. */
  readonly future: number;
  readonly days: StatedDays;
}

/** Delays between the times that events state and their recording. */
export type DelayFacts = Pick<ReadFacts, "late" | "longest" | "future" | "read" | "isAll">;

/** Number of events with an action. */
export interface ActionCount {
  readonly action: string;
  readonly events: number;
  readonly failed: number;
  readonly denied: number;
}

/** Options of reading events. */
export interface ReadOptions {
  /** Number of events to return as the first ones. */
  readonly listed: number;
  /** Maximum number of events read [default: `MAX_READ_EVENTS`]. */
  readonly maxEvents?: number;
  /** Entries to read, as `[begin, end)` [default: all]. */
  readonly range?: readonly [number, number] | null;
  /** Reading ends as soon as it returns false. */
  readonly isCurrent?: () => boolean;
}

/** Reads the events that the current search found. Resolves to undefined if another search replaced it. */
export async function readFacts(
  index: Pick<EventIndex, "rows">,
  { listed, maxEvents = MAX_READ_EVENTS, range = null, isCurrent = () => true }: ReadOptions,
): Promise<ReadFacts | undefined> {
  const first: EventRow[] = [];
  const names = {
    who: new Map<string, string>(),
    behalf: new Map<string, string>(),
    actions: new Map<string, string>(),
    target: new Map<string, string>(),
  };
  const delays = new Delays();
  const days = new Map<string, number>();
  const outcomes = new OutcomeTally();
  let read = 0;
  let isAll = false;
  for (let from = 0; !isAll && read < maxEvents; from += PAGE_ROWS) {
    const rows = await index.rows(from, from + PAGE_ROWS, []);
    if (!isCurrent()) return undefined;
    isAll = rows.length < PAGE_ROWS;
    for (const row of rows) {
      if (row.kind !== "event" || !isWithin(row, range)) continue;
      read += 1;
      if (first.length < listed) first.push(row);
      const { actor, on_behalf_of, action, target, outcome } = factsOf(row);
      add(names.who, actor);
      add(names.behalf, on_behalf_of);
      add(names.target, target);
      add(names.actions, action === undefined ? undefined : { id: action });
      delays.add(row);
      addDay(days, row);
      outcomes.add(action, outcome);
    }
  }
  return {
    read,
    isAll,
    first,
    who: listOf(names.who),
    behalf: listOf(names.behalf),
    actions: listOf(names.actions),
    target: listOf(names.target),
    outcomes: outcomes.all,
    byAction: outcomes.byAction,
    ...delays.counts,
    days,
  };
}

function isWithin({ index }: EventRow, range: readonly [number, number] | null): boolean {
  return range === null || (index >= range[0] && index < range[1]);
}

/** Counts events by outcome, and by action. */
class OutcomeTally {
  readonly #all = { success: 0, failure: 0, denied: 0, unknown: 0, "not-stated": 0 };
  readonly #actions = new Map<string, { events: number; failed: number; denied: number }>();

  add(action: string | undefined, stated: string | undefined): void {
    const outcome = OUTCOMES.find((outcome) => outcome === stated) ?? "not-stated";
    this.#all[outcome] += 1;
    if (action === undefined) return;
    const counts = this.#actions.get(action) ?? { events: 0, failed: 0, denied: 0 };
    this.#actions.set(action, counts);
    counts.events += 1;
    if (outcome === "failure") counts.failed += 1;
    if (outcome === "denied") counts.denied += 1;
  }

  get all(): OutcomeCounts {
    return this.#all;
  }

  get byAction(): readonly ActionCount[] {
    const refused = ({ failed, denied }: ActionCount) => failed + denied;
    return [...this.#actions]
      .map(([action, counts]) => ({ action, ...counts }))
      .sort((a, b) => refused(b) - refused(a) || b.events - a.events);
  }
}

/** Counts events by the delay of their recording. */
export class Delays {
  #late = 0;
  #longest = 0;
  #future = 0;

  add(row: EventRow): void {
    const delay = delayOf(row);
    if (delay > LATE_MS) this.#late += 1;
    if (delay < -MAX_CLOCK_SKEW_MS) this.#future += 1;
    this.#longest = Math.max(this.#longest, delay);
  }

  get counts(): Pick<ReadFacts, "late" | "longest" | "future"> {
    return { late: this.#late, longest: this.#longest, future: this.#future };
  }
}

/** Returns how long after the time that an event states it was recorded, in milliseconds; 0 if it states none. */
export function delayOf({ happened, time }: Pick<EventRow, "happened" | "time">): number {
  const delay = happened === undefined ? 0 : Date.parse(time) - Date.parse(happened);
  return Number.isNaN(delay) ? 0 : delay;
}

/** Number of events by outcome. */
export type OutcomeCounts = Readonly<Record<Outcome, number>>;

/** Outcomes in display order. */
export const OUTCOMES: readonly Outcome[] = ["success", "failure", "denied", "unknown", "not-stated"];

/** Counts the outcomes of the events that a query finds; undefined if the index can't tell without reading them. */
export async function outcomesOf(
  index: Pick<EventIndex, "count">,
  query: string,
  events: number,
): Promise<OutcomeCounts | undefined> {
  const [success, failure, denied, unknown] = await Promise.all(
    OUTCOMES.filter((outcome) => outcome !== "not-stated").map((outcome) =>
      index.count(`${query} outcome:${outcome}`),
    ),
  );
  if (success === undefined || failure === undefined || denied === undefined || unknown === undefined)
    return undefined;
  return { success, failure, denied, unknown, "not-stated": events - success - failure - denied - unknown };
}

function factsOf({ parsed, own }: EventRow): Partial<EventFacts> {
  return parsed ?? own ?? {};
}

function add(names: Map<string, string>, party: Party | undefined): void {
  const id = party?.id ?? party?.name;
  if (id === undefined || party === undefined) return;
  const { name } = party;
  if (!names.has(id)) names.set(id, name === undefined || name === id ? id : `${name} (${id})`);
}

function listOf(names: ReadonlyMap<string, string>): readonly ListedName[] {
  return [...names].map(([id, label]) => ({ id, label }));
}
