/** Findings of detection rules among verified events (SPEC-DETECTION.md, section 13), as a page receives them. */

import type { SignerTrust } from "@countersign/shared/report.js";
import type { Lines } from "../index/in-pieces.js";
import type { SignerFacts } from "../index/signer-trust.js";

/** Severity of a finding. */
export type Level = (typeof LEVELS)[number];

/** All levels, from least to most serious. */
export const LEVELS = ["informational", "low", "medium", "high", "critical"] as const;

/** A field that matched. Without `field`, any string of the event counted. */
export interface Reason {
  readonly field?: string;
  readonly value: string;
}

/** A finding of a rule. */
export interface Finding {
  readonly id: string;
  readonly rule: string;
  readonly title: string;
  readonly level: Level;
  /**
   * `sufficient` if its entries alone make the rule fire again; `range` if all entries before them are needed too.
   */
  readonly evidence: "sufficient" | "range";
  /** Score of the finding's identity or session, including this finding. */
  readonly score: number;
  /** The fields that the finding is grouped by, with their values. */
  readonly group: Readonly<Record<string, string>>;
  /** Value that the rule measured. */
  readonly value?: number;
  /** Entries it was made from, ascending; only the first ones if there are many. */
  readonly entries: readonly number[];
  /** Times of the first and last event. */
  readonly first: string;
  readonly last: string;
  readonly reasons: readonly Reason[];
  /** Number of repeats of the same finding within the rule's timespan. */
  readonly repeats: number;
  /** The lowest signer trust among its events; null before the report. */
  readonly signer_trust: SignerTrust | null;
}

/** A finding with the total number of its entries. */
export interface ListedFinding {
  readonly total: number;
  /** The identity it is about, if known. */
  readonly identity: string | null;
  readonly finding: Finding;
}

/** The findings of one rule about one subject. */
export interface FindingGroup {
  readonly rule: string;
  readonly title: string;
  /** The highest severity among the findings. */
  readonly level: Level;
  /** The identity; else the values of the rule's group; else the matched values. */
  readonly subject: readonly string[];
  readonly findings: number;
  /** Times of the first and last event. */
  readonly first: string;
  readonly last: string;
}

/** The first groups, most serious first, and the number of all. */
export interface FindingGroups {
  readonly total: number;
  readonly groups: readonly FindingGroup[];
}

/** A rule with the number of its findings. */
export interface RuleFindings {
  readonly rule: string;
  readonly title: string;
  readonly level: Level;
  readonly findings: number;
}

/** A count, with the index of the first entry counted. */
export interface EntryCount {
  readonly number: number;
  readonly first_entry: number;
}

/** Data that a rule dropped because it reached a memory limit. */
export interface Limit {
  readonly title: string;
  readonly groups: EntryCount | null;
  readonly hits: EntryCount | null;
  readonly findings: number;
}

/** The rule pack in use. */
export interface PackInfo {
  readonly name: string;
  readonly version: string;
  readonly hash: string;
  readonly rules: number;
}

/** Events that one parser recognizes, and how far rules cover them. */
export interface SourceCoverage {
  readonly parser: string;
  readonly events: number;
  /** Events that at least one rule for this source could examine. */
  readonly covered: number;
  /** Rules of the pack that were written for this source. */
  readonly rules: number;
}

/** A rule that could examine no event of its source. */
export interface BlindRule {
  readonly rule: string;
  readonly title: string;
  /** Fields the rule needs that no event of its source has. */
  readonly fields: readonly string[];
  /** Events that the rule couldn't examine. */
  readonly events: number;
}

/** Extent to which the rules cover the events (SPEC-DETECTION.md, section 13). */
export interface Coverage {
  /** True if every event could be examined, so that no finding means that the rules found nothing. */
  readonly complete: boolean;
  readonly events: number;
  /** Events that no parser recognizes. */
  readonly unparsed: number;
  /** Events that a parser recognizes, but that no rule for their source could examine. */
  readonly uncovered: number;
  readonly sources: readonly SourceCoverage[];
  /** Rules in the pack, and rules that could apply to an event. */
  readonly rules: number;
  readonly applicable: number;
  readonly blind: readonly BlindRule[];
  /** Events that state a time which their parser doesn't understand, so that the time of recording counts. */
  readonly unclear_times: EntryCount | null;
  /** Events that a parser recognizes, but in which it doesn't find what it promises. */
  readonly unread: readonly UnreadEvents[];
}

/** A fact that a parser promises; `kind` if it doesn't know events of this kind. */
export type PromisedFact = "kind" | "actor" | "target" | "address" | "outcome";

/** Events of a parser that lack the same promised facts. */
export interface UnreadEvents {
  readonly parser: string;
  readonly facts: readonly PromisedFact[];
  readonly events: number;
  readonly first_entry: number;
}

/** Summary of the findings so far, without the findings themselves. */
export interface FindingsStatus {
  readonly pack: PackInfo;
  /** Events examined. */
  readonly events: number;
  /** Events that no parser recognized. */
  readonly unparsed: number;
  readonly findings: number;
  /** Number of findings by severity, as an index into `LEVELS`. */
  readonly levels: readonly number[];
  readonly coverage: Coverage;
  /** Most serious first. */
  readonly rules: readonly RuleFindings[];
  readonly limits: readonly Limit[];
  /** Events whose own time is later than their recording. */
  readonly future: EntryCount | null;
  readonly marks: FindingMarks;
  /** Findings about the selected events; undefined if none are selected. */
  readonly selected?: SelectedFindings | undefined;
}

/** The findings that are made from at least one of the selected events. */
export interface SelectedFindings {
  readonly findings: number;
  /** Number of findings by severity, as an index into `LEVELS`. */
  readonly levels: readonly number[];
  /** Most serious first. */
  readonly rules: readonly RuleFindings[];
  /** When each finding's last event happened, in milliseconds since 1970. */
  readonly times: Float64Array;
}

/** Positions of the findings in the log and in time. */
export interface FindingMarks {
  /** Entries that findings name, ascending. */
  readonly entries: Float64Array;
  /** Highest severity at each of these entries, as an index into `LEVELS`. */
  readonly levels: Uint8Array;
  /** When each finding's last event happened, in milliseconds since 1970. */
  readonly times: Float64Array;
}

/** The verified log, with the verdict. */
export interface LogSummary {
  readonly origin: string | null;
  readonly log: { readonly size: number; readonly root: string } | null;
  readonly verdict: string;
  readonly complete: readonly [number, number] | null;
}

/** The parts of a report that findings depend on. */
export interface Facts extends LogSummary, SignerFacts {}

/** The result as an evidence file contains it (SPEC-DETECTION.md, section 14). */
export interface FiledFindings {
  /** JSON of the frame's member `detections`. */
  readonly detections: string;
  /** The pack as canonical JSON. */
  readonly rules: string;
}

/** The events that the rules examine, and the findings that are kept. */
export interface AnalysisScope {
  /** Entries, as `[first, end)`. Default: all of them. */
  readonly range?: readonly [number, number] | undefined;
  /** Number of findings above which the analysis fails. Default: no limit. */
  readonly maxFindings?: number | undefined;
}

/** Detection over verified events, in workers. */
export interface Analysis {
  /**
   * Adds verified events, as lines that an index writes. Ownership of the bytes passes to the analysis. Resolves when
   * there is room for more.
   */
  add(events: readonly Lines[]): Promise<void>;
  /** Returns the findings so far. With facts of a report, waits until all added events are examined. */
  status(facts: Facts | undefined): Promise<FindingsStatus>;
  /**
   * Selects events by entry index, ascending; undefined selects all. Later statuses include the findings about the
   * selection.
   */
  select(entries: Float64Array | undefined): Promise<SelectedFindings | undefined>;
  /**
   * Lists findings, most serious first, of one rule or all. Positions refer to the last status. With `isSelected`,
   * lists only findings about the selected events.
   */
  list(from: number, to: number, rule?: string, isSelected?: boolean): Promise<readonly ListedFinding[]>;
  /**
   * Groups findings by rule and subject, of one rule or all. Returns the first `max` groups. With `isSelected`, counts
   * only findings about the selected events.
   */
  groups(max: number, rule?: string, isSelected?: boolean): Promise<FindingGroups>;
  /** Lists the first `max` findings of a group. */
  members(
    max: number,
    group: Pick<FindingGroup, "rule" | "subject">,
    isSelected?: boolean,
  ): Promise<readonly ListedFinding[]>;
  /** Returns at most `max` findings that name an entry. */
  findingsOf(index: number, max: number): Promise<readonly ListedFinding[]>;
  /** Returns all entries of a finding. */
  entriesOf(id: string): Promise<Float64Array>;
  /** Returns the output of `countersign analyze --format json`. Rejects before `status` was called with facts. */
  document(): Promise<Blob>;
  /** Returns the result of the last status as an evidence file contains it. */
  filed(): Promise<FiledFindings>;
  /** Terminates the workers. */
  close(): void;
}
