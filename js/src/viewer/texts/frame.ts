/** What the viewer says around its rows. */

import type { ProblemCode } from "../../shelf/query.js";
import type { Counting } from "./texts.js";

/** A name and what is to be known of it. */
export interface Described {
  readonly name: string;
  readonly about: string;
}

/** While an export is read, and where it was not read to its end. */
export interface ProgressTexts {
  readonly verifying: (name: string) => string;
  readonly loading: string;
  /** How much was read of how much. */
  readonly read: (bytes: string, total: string | undefined) => string;
  readonly eventsPerSecond: Counting;
  readonly left: (duration: string) => string;
  readonly finishing: string;
  readonly cancel: string;
  readonly percent: Counting;
  readonly noFailureYet: string;
  readonly firstFailure: string;
  readonly cancelled: string;
  readonly cancelledWhy: string;
  readonly again: string;
  /** Titles of what keeps an export from being verified. */
  readonly failedTrust: string;
  readonly failedPin: string;
  readonly failedSource: string;
  readonly failed: string;
  readonly failedWhy: string;
  readonly empty: string;
  readonly emptyWhy: string;
}

/** The verdict in a strip. */
export interface StripTexts {
  readonly announce: (word: string, says: string, errors: number) => string;
  readonly more: string;
  readonly nextHeading: string;
  readonly notHeading: string;
  readonly checksHeading: string;
  readonly check: string;
  readonly result: string;
  readonly covered: string;
  readonly coveredItems: (checked: string, failed: number) => string;
  readonly findingsHeading: string;
  readonly noFindings: string;
  readonly atLine: (line: string) => string;
  readonly showEvent: string;
  readonly moreFindings: Counting;
  readonly log: string;
  readonly holds: string;
  readonly leftOut: string;
  readonly withheld: Counting;
  readonly skipped: Counting;
  readonly lastCheckpoint: string;
  readonly none: string;
  readonly seen: (time: string) => string;
}

/** A log that goes on. */
export interface LiveTexts {
  readonly connecting: string;
  readonly following: string;
  readonly stopped: string;
  readonly lost: (seconds: string) => string;
  readonly ended: string;
  readonly stop: string;
  readonly upTo: (leaves: string) => string;
  /** Where something is wrong with it. */
  readonly readUpTo: (leaves: string) => string;
  readonly noFailureYet: string;
  readonly waiting: string;
  readonly alarmTitle: string;
  readonly alarmChanged: string;
  readonly alarmBroken: string;
  readonly alarmKeep: string;
  readonly alarmSince: (time: string) => string;
  readonly savePin: string;
  readonly saveReport: string;
}

/** What is looked for. */
export interface QueryTexts {
  readonly label: string;
  readonly placeholder: string;
  readonly clear: string;
  readonly suggestions: string;
  readonly suggested: Counting;
  /** What stands in columns, and what may be asked beside. */
  readonly members: Readonly<
    Record<"action" | "actor" | "target" | "outcome" | "tenant" | "chain" | "signer" | "since" | "until", Described>
  >;
  /** What is wrong with what stands before it. */
  readonly problems: Readonly<Record<ProblemCode, string>>;
  readonly emptyTime: string;
  readonly searching: (searched: string, of: string) => string;
  readonly found: (events: string) => string;
  readonly filtered: (events: string, of: string) => string;
  readonly nothing: string;
  readonly unknownWithheld: Counting;
  readonly unknownGaps: Counting;
  /** Events of the export that have no row, whatever is looked for. */
  readonly unlisted: Counting;
  readonly showAll: string;
  readonly soFar: string;
}

/** What rows are chosen and ordered by. */
export interface ViewTexts {
  readonly order: string;
  readonly placeAscending: string;
  readonly placeDescending: string;
  readonly timeAscending: string;
  readonly timeDescending: string;
  readonly zone: string;
  readonly utc: string;
  readonly local: (offset: string) => string;
  readonly facets: string;
  readonly moreValues: (count: string) => string;
  readonly allValues: string;
  readonly fewerValues: string;
  readonly histogram: string;
  readonly histogramAbout: (events: string, begin: string, end: string) => string;
  readonly brush: string;
  readonly table: string;
  readonly time: string;
  readonly onlyThisTime: string;
  readonly outcomes: Readonly<Record<"success" | "failure" | "unknown", string>>;
  readonly bars: (count: string, of: string) => string;
}

/** What can be taken along. */
export interface ExportTexts {
  readonly label: string;
  readonly about: (events: string) => string;
  readonly csv: Described;
  readonly ndjson: Described;
  readonly slice: Described;
  readonly working: (events: string) => string;
  readonly done: (name: string) => string;
  readonly failed: string;
  readonly cancel: string;
}

/** The keys, and how to ask. */
export interface HelpTexts {
  readonly open: string;
  readonly title: string;
  readonly close: string;
  readonly keysHeading: string;
  readonly keys: Readonly<Record<"search" | "move" | "ends" | "open" | "close" | "help", string>>;
  readonly queryHeading: string;
  readonly examples: readonly (readonly [query: string, meaning: string])[];
}

/** All of the frame. */
export interface FrameTexts {
  readonly progress: ProgressTexts;
  readonly strip: StripTexts;
  readonly live: LiveTexts;
  readonly query: QueryTexts;
  readonly view: ViewTexts;
  readonly save: ExportTexts;
  readonly help: HelpTexts;
}
