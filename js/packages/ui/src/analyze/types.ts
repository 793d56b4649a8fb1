/** What rules find among verified events (SPEC section 13), as a page is told of it. */

import type { SignerTrust } from "@countersign/shared/report.js";
import type { Lines } from "../index/in-pieces.js";
import type { Signers } from "../index/signer-trust.js";

/** How serious a finding is. */
export type Level = (typeof LEVELS)[number];

/** The least serious first. */
export const LEVELS = ["informational", "low", "medium", "high", "critical"] as const;

/** A member that matched; without a field any text of the event counted. */
export interface Reason {
  readonly field?: string;
  readonly value: string;
}

/** What a rule found. */
export interface Finding {
  readonly id: string;
  readonly rule: string;
  readonly title: string;
  readonly level: Level;
  /** Whether its entries alone make the rule fire again, or all that came before them is needed too. */
  readonly evidence: "sufficient" | "range";
  /** The score of the identity or session that it is about, with this finding. */
  readonly score: number;
  /** The group: fields and their values. */
  readonly group: Readonly<Record<string, string>>;
  /** What the rule measured. */
  readonly value?: number;
  /** The entries that it was made from, ascending: the first ones, where there are many. */
  readonly entries: readonly number[];
  /** When the first of the events happened, and the last. */
  readonly first: string;
  readonly last: string;
  readonly reasons: readonly Reason[];
  /** How often the same was found again within a timespan. */
  readonly repeats: number;
  /** Of the least trusted of those who signed; null before the report. */
  readonly signerTrust: SignerTrust | null;
}

/** A finding, and how many entries it was made from. */
export interface Listed {
  readonly entries: number;
  readonly finding: Finding;
}

/** A rule that found something. */
export interface RuleFound {
  readonly rule: string;
  readonly title: string;
  readonly level: Level;
  readonly findings: number;
}

/** How many, and the first leaf. */
export interface Counted {
  readonly number: number;
  readonly first_entry: number;
}

/** What a rule had to leave out for want of room. */
export interface Limit {
  readonly title: string;
  readonly groups: Counted | null;
  readonly hits: Counted | null;
  readonly findings: number;
}

/** The rules that are looked for. */
export interface PackInfo {
  readonly name: string;
  readonly version: string;
  readonly hash: string;
  readonly rules: number;
}

/** The events that one parser reads. */
export interface SourceCoverage {
  readonly parser: string;
  readonly events: number;
  /** Those of them that a rule written for this source could look at. */
  readonly covered: number;
  /** Rules of the pack that were written for this source. */
  readonly rules: number;
}

/** A rule that could look at no event of its source. */
export interface BlindRule {
  readonly rule: string;
  readonly title: string;
  /** The fields that it needs and that no event of its source has. */
  readonly fields: readonly string[];
  /** Events that it couldn't look at. */
  readonly events: number;
}

/** Which events the rules could look at (SPEC section 13). */
export interface Coverage {
  /** True if "nothing was found" means that there is nothing to find by these rules. */
  readonly complete: boolean;
  readonly events: number;
  /** Events that no parser reads. */
  readonly unparsed: number;
  /** Events that a parser reads, and that no rule for their source could look at. */
  readonly uncovered: number;
  readonly sources: readonly SourceCoverage[];
  /** Rules of the pack, and those of them that could apply to an event. */
  readonly rules: number;
  readonly applicable: number;
  readonly blind: readonly BlindRule[];
}

/** What was found by now, without the findings themselves. */
export interface FindingsStatus {
  readonly pack: PackInfo;
  /** How many events were looked at. */
  readonly events: number;
  /** Of how many of them no parser knew the shape. */
  readonly unread: number;
  readonly findings: number;
  readonly coverage: Coverage;
  /** The most serious ones first. */
  readonly rules: readonly RuleFound[];
  readonly limits: readonly Limit[];
  /** Events that say a time in the future of their recording. */
  readonly future: Counted | null;
  readonly marks: FoundMarks;
  /** Those that concern the selected events; undefined if no events are selected. */
  readonly selected?: SelectedFindings | undefined;
}

/** The findings that are made from at least one of the selected events. */
export interface SelectedFindings {
  readonly findings: number;
  /** The most serious ones first. */
  readonly rules: readonly RuleFound[];
  /** When each finding's last event happened, in milliseconds since 1970. */
  readonly times: Float64Array;
}

/** Where findings are. */
export interface FoundMarks {
  /** The entries that findings name, ascending. */
  readonly entries: Float64Array;
  /** For each of them how serious the most serious finding is: a place in `LEVELS`. */
  readonly levels: Uint8Array;
  /** When each finding's last event happened, in milliseconds since 1970. */
  readonly times: Float64Array;
}

/** Which log was seen, and what verifying it came to. */
export interface Seen {
  readonly origin: string | null;
  readonly log: { readonly size: number; readonly root: string } | null;
  readonly verdict: string;
  readonly complete: readonly [number, number] | null;
}

/** What of a report matters to findings. */
export interface Facts extends Seen, Signers {}

/** Looks for what rules describe, in workers. */
export interface Analysis {
  /**
   * Looks at verified events: lines as an index writes them, which are no longer the caller's. Resolves when there is room
   * for more.
   */
  add(events: readonly Lines[]): Promise<void>;
  /** What was found by now; with facts of a report, once all that was added was looked at. */
  tell(facts: Facts | undefined): Promise<FindingsStatus>;
  /**
   * Selects events by their entries, ascending; without any all are selected. What is told later has the findings that
   * concern them too.
   */
  select(entries: Float64Array | undefined): Promise<SelectedFindings | undefined>;
  /**
   * Findings, the most serious ones first, of a rule or of all; places are those of what was told last. With `isSelected`
   * only those that concern the selected events.
   */
  list(from: number, to: number, rule?: string, isSelected?: boolean): Promise<readonly Listed[]>;
  /** The findings that name an entry, so many of them at most. */
  of(leaf: number, most: number): Promise<readonly Listed[]>;
  /** All entries of a finding. */
  leaves(id: string): Promise<Float64Array>;
  /** What `countersign analyze --format json` prints. Rejects before there are facts. */
  document(): Promise<Blob>;
  /** Ends its workers. */
  close(): void;
}
