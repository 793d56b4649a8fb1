/** What verified events say of endpoints, and what scenarios come to, as the program's JSON has it (docs/inventory.md, docs/risk.md). */

import type { Counted, Finding, Level, Seen } from "../analyze/types.js";
import type { Lines } from "../index/in-pieces.js";

/** How calls were answered: with a status of HTTP, or as the event says without one. */
export interface Answered {
  readonly status?: number;
  readonly outcome?: string;
  readonly calls: number;
  readonly entry: number;
}

/** One who called. */
export interface Caller {
  readonly id: string;
  readonly calls: number;
  readonly first: string;
  readonly entry: number;
  readonly new: boolean;
}

/** Why an endpoint is a risk. */
export interface RiskReason {
  readonly points: number;
  readonly reason: string;
  readonly entries: readonly number[];
}

/** An endpoint that was called: a method and the template of a path, or a service and its operation. */
export interface Endpoint {
  readonly method?: string;
  readonly path?: string;
  readonly service?: string;
  readonly operation?: string;
  /** Whether the description has it; null without one. */
  readonly documented: boolean | null;
  readonly flags: readonly string[];
  readonly calls: number;
  readonly first: string;
  readonly first_entry: number;
  readonly last: string;
  readonly last_entry: number;
  readonly entries: readonly number[];
  readonly statuses: readonly Answered[];
  /** Those with the most calls. */
  readonly callers: readonly Caller[];
  readonly all_callers: number;
  readonly latency_ms: {
    readonly calls: number;
    readonly p50: number;
    readonly p95: number;
    readonly max: number;
  } | null;
  readonly risk: number;
  /** How serious the risk is. */
  readonly level: Level;
  readonly reasons: readonly RiskReason[];
}

/** What is described and was not called. */
export interface Unused {
  readonly method: string;
  readonly path: string;
  readonly deprecated: boolean;
}

/** What `countersign inventory --format json` prints. */
export interface Inventory {
  readonly verdict: string;
  /** The entries that all were looked at of; null where others may exist. */
  readonly complete: readonly [first: number, end: number] | null;
  readonly events: number;
  readonly calls: number;
  readonly callers: number;
  readonly description: {
    readonly title: string;
    readonly version: string;
    readonly operations: number;
    /** How many more have the method and the path of another, so that calls don’t say which of them they are. */
    readonly alike: number;
    /** How many paths refer to what is not in it, so that their operations are not known. */
    readonly elsewhere: number;
  } | null;
  readonly left_out: { readonly calls: Counted | null; readonly callers: Counted | null };
  readonly digest: string;
  /** The riskiest first. */
  readonly endpoints: readonly Endpoint[];
  readonly unused: readonly Unused[];
  /** What was asked for and refused or not found each time. */
  readonly probed: readonly Endpoint[];
}

/** What is said of many years' losses. */
export interface Figures {
  readonly years: number;
  readonly mean: number;
  readonly standard_error: number;
  readonly without_loss: number;
  readonly quantiles: readonly { readonly part: number; readonly loss: number }[];
  readonly exceedance: readonly { readonly probability: number; readonly loss: number }[];
  readonly most: number;
}

/** Three numbers, and who says so. */
export interface Input {
  readonly of: string;
  readonly low: number;
  readonly mode: number;
  readonly high: number;
  readonly source: string;
  readonly date: string;
}

/** What a scenario comes to. */
export interface ToldScenario {
  readonly id: string;
  readonly title: string;
  readonly inputs: readonly Input[];
  readonly closed_form: number;
  readonly figures: Figures;
  readonly digest: string;
}

/** What a control buys over the same years. */
export interface Bought {
  /** null: all of them together. */
  readonly id: string | null;
  readonly title: string;
  readonly figures: Figures;
  readonly less: number;
  readonly standard_error: number;
  readonly cost: number | null;
}

/** Three numbers. */
export interface Range {
  readonly low: number;
  readonly mode: number;
  readonly high: number;
}

/** A frequency that observations propose. A person applies it, or does not. */
export interface Proposed {
  /** The scenario's id. */
  readonly scenario: string;
  /** How many of its threat events were observed. */
  readonly observed: number;
  /** What they are, with the first of the entries that show them. */
  readonly what: readonly { readonly title: string; readonly times: number; readonly entries: readonly number[] }[];
  /** How long was looked. */
  readonly from: string;
  readonly to: string;
  readonly years: number;
  /** Whether nothing can be missing from what was looked at. */
  readonly complete: boolean;
  readonly now: Range;
  readonly frequency: Range;
  /** The scenario's member as it would be, in YAML. */
  readonly line: string;
}

/** What `countersign risk --format json` prints. */
export interface RiskReport {
  readonly log: { readonly root: string } | null;
  readonly years: number;
  readonly currency: string;
  readonly scenarios: readonly ToldScenario[];
  readonly together: { readonly closed_form: number; readonly figures: Figures } | null;
  readonly controls: readonly Bought[];
  readonly proposed: readonly Proposed[];
}

/** The same as it is shown and filed. */
export interface Exposure {
  readonly report: RiskReport;
  readonly svg: string;
  readonly markdown: string;
  /** For each proposal its scenario's text with it; null where a person has to write it. */
  readonly applied: readonly (string | null)[];
  /** Whether nothing is proposed because all was recorded in less than a day, and nobody stated another span. */
  readonly short: boolean;
}

/** What was found in a log, to be held against scenarios. */
export interface Signals {
  /** From when to when was looked. */
  readonly from: string;
  readonly to: string;
  /** Whether somebody states these times; else they are those of the log's first and last entry. */
  readonly stated: boolean;
  /** Whether nothing can be missing from what was looked at. */
  readonly complete: boolean;
  readonly findings: readonly Pick<Finding, "rule" | "title" | "level" | "signer_trust" | "entries">[];
  /** The tags of each rule. */
  readonly tags: ReadonlyMap<string, readonly string[]>;
  readonly endpoints: readonly Endpoint[];
}

/** A scenario's file. */
export interface ScenarioFile {
  readonly name: string;
  readonly text: string;
}

/** Why scenarios cannot be used. */
export interface Refused {
  /** Empty where it is about several. */
  readonly file: string;
  /** 0 where it is not known. */
  readonly line: number;
  readonly member: string;
  readonly problem: string;
  readonly hint: string;
}

/** Learns of endpoints, in a worker of its own. */
export interface Endpoints {
  /** Takes verified events: lines as an index writes them, which are no longer the caller's. */
  add(events: Lines): Promise<void>;
  /** What is known by now, as text: JSON of `Inventory`. */
  tell(of: Seen): Promise<string>;
  /** Ends its worker. */
  close(): void;
}

/** What the parts of a console that tell of endpoints and exposure are made by. */
export interface Overview {
  /** Compared with what describes the API, where that is given: OpenAPI or Swagger, as JSON or YAML. What is none is refused. */
  endpoints(description: string | undefined): Promise<Endpoints>;
  /** Simulates years by the root of a log, and holds what was found in it against them. */
  expose(
    scenarios: readonly ScenarioFile[],
    of: Pick<Seen, "origin" | "log">,
    signals?: Signals,
  ): Promise<Exposure | readonly Refused[]>;
}
