/**
 * Inventory of called endpoints and simulated exposure, as in the JSON of `countersign inventory` (docs/inventory.md)
 * and `countersign risk` (docs/risk.md).
 */

import type { EntryCount, Finding, Level, LogSummary } from "../analyze/types.js";
import type { Lines } from "../index/in-pieces.js";

/** Number of calls with one response: an HTTP status, or the outcome that an event states without one. */
export interface ResponseCount {
  readonly status?: number;
  readonly outcome?: string;
  readonly calls: number;
  readonly entry: number;
}

/** A caller of an endpoint. */
export interface Caller {
  readonly id: string;
  readonly calls: number;
  readonly first: string;
  readonly entry: number;
  readonly new: boolean;
}

/** A reason for an endpoint's risk score. */
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
  /** True if the API description contains it; null without a description. */
  readonly documented: boolean | null;
  readonly flags: readonly string[];
  readonly calls: number;
  readonly first: string;
  readonly first_entry: number;
  readonly last: string;
  readonly last_entry: number;
  readonly entries: readonly number[];
  readonly statuses: readonly ResponseCount[];
  /** The callers with the most calls. */
  readonly callers: readonly Caller[];
  readonly all_callers: number;
  readonly latency_ms: {
    readonly calls: number;
    readonly p50: number;
    readonly p95: number;
    readonly max: number;
  } | null;
  readonly risk: number;
  /** Severity of the risk. */
  readonly level: Level;
  readonly reasons: readonly RiskReason[];
}

/** A described operation that was never called. */
export interface Unused {
  readonly method: string;
  readonly path: string;
  readonly deprecated: boolean;
}

/** Output of `countersign inventory --format json`. */
export interface Inventory {
  readonly verdict: string;
  /** The range of entries that was examined completely; null if entries may be missing. */
  readonly complete: readonly [first: number, end: number] | null;
  readonly events: number;
  /** Events that no parser recognizes, so that a call that they record may be missing. */
  readonly unparsed: number;
  readonly calls: number;
  readonly callers: number;
  readonly description: {
    readonly title: string;
    readonly version: string;
    readonly operations: number;
    /** Number of operations that share method and path with another one, so that calls can't be attributed. */
    readonly alike: number;
    /** Number of paths with references that can't be resolved, so that their operations are unknown. */
    readonly elsewhere: number;
  } | null;
  readonly left_out: { readonly calls: EntryCount | null; readonly callers: EntryCount | null };
  readonly digest: string;
  /** Riskiest first. */
  readonly endpoints: readonly Endpoint[];
  readonly unused: readonly Unused[];
  /** Endpoints that were refused or not found on every call. */
  readonly probed: readonly Endpoint[];
}

/** Statistics of the simulated annual losses. */
export interface Figures {
  readonly years: number;
  readonly mean: number;
  readonly standard_error: number;
  readonly without_loss: number;
  readonly quantiles: readonly { readonly part: number; readonly loss: number }[];
  readonly exceedance: readonly { readonly probability: number; readonly loss: number }[];
  readonly most: number;
}

/** An estimate of three points, with its source. */
export interface Input {
  readonly of: string;
  readonly low: number;
  readonly mode: number;
  readonly high: number;
  readonly source: string;
  readonly date: string;
}

/** A kind of observation that counts as a threat event. */
export type ScenarioSignal =
  | { readonly rule: string }
  | { readonly tag: string }
  | { readonly level: string }
  | { readonly endpoint: string };

/** A control as its scenario describes it. */
export interface ScenarioControl {
  readonly id: string;
  readonly title: string;
  /** The inputs with the control. */
  readonly changes: readonly Input[];
  /** Annual cost, if stated. */
  readonly cost: Input | null;
}

/** A scenario, and its result. */
export interface ScenarioResult {
  readonly id: string;
  readonly title: string;
  readonly note?: string;
  readonly currency: string;
  readonly inputs: readonly Input[];
  readonly observed: readonly ScenarioSignal[];
  readonly controls: readonly ScenarioControl[];
  readonly closed_form: number;
  readonly figures: Figures;
  readonly digest: string;
}

/** Effect of a control, simulated over the same years. */
export interface ControlEffect {
  /** null stands for all controls together. */
  readonly id: string | null;
  readonly title: string;
  readonly figures: Figures;
  readonly less: number;
  readonly standard_error: number;
  readonly cost: number | null;
}

/** Low, most likely, and high estimate. */
export interface Range {
  readonly low: number;
  readonly mode: number;
  readonly high: number;
}

/** A frequency proposed from observations. It takes effect only if a person applies it. */
export interface Proposed {
  /** The scenario's id. */
  readonly scenario: string;
  /** Number of threat events observed. */
  readonly observed: number;
  /** Kinds of observed events, with the first entries that show them. */
  readonly what: readonly { readonly title: string; readonly times: number; readonly entries: readonly number[] }[];
  /** The observed period. */
  readonly from: string;
  readonly to: string;
  readonly years: number;
  /** True if no entry can be missing from the observed period. */
  readonly complete: boolean;
  /** Events examined, and those of them that no parser recognizes. */
  readonly events: number;
  readonly unparsed: number;
  readonly now: Range;
  readonly frequency: Range;
  /** The scenario's field with the proposed value, in YAML. */
  readonly line: string;
}

/** Output of `countersign risk --format json`. */
export interface RiskReport {
  readonly log: { readonly root: string } | null;
  readonly years: number;
  readonly currency: string;
  readonly scenarios: readonly ScenarioResult[];
  readonly together: { readonly closed_form: number; readonly figures: Figures } | null;
  readonly controls: readonly ControlEffect[];
  readonly proposed: readonly Proposed[];
}

/** A risk report, with its renderings. */
export interface Exposure {
  readonly report: RiskReport;
  readonly svg: string;
  readonly markdown: string;
  /** For each proposal, the scenario file with it applied; null if a person has to edit the file. */
  readonly applied: readonly (string | null)[];
  /** True if the log covers less than a day and no other period was stated, so that nothing is proposed. */
  readonly short: boolean;
}

/** Observations in a log, to compare with scenarios. */
export interface Signals {
  /** The observed period. */
  readonly from: string;
  readonly to: string;
  /** True if a person stated the period; false if it is the time of the log's first and last entry. */
  readonly stated: boolean;
  /** True if no entry can be missing from the observed period. */
  readonly complete: boolean;
  /** Events examined, and those of them that no parser recognizes. */
  readonly events: number;
  readonly unparsed: number;
  readonly findings: readonly Pick<Finding, "rule" | "title" | "level" | "signer_trust" | "entries">[];
  /** Tags by rule. */
  readonly tags: ReadonlyMap<string, readonly string[]>;
  readonly endpoints: readonly Endpoint[];
}

/** Name and text of a scenario file. */
export interface ScenarioFile {
  readonly name: string;
  readonly text: string;
}

/** An error in a scenario file. */
export interface ScenarioProblem {
  /** Empty if the error is about several files. */
  readonly file: string;
  /** 0 if unknown. */
  readonly line: number;
  readonly member: string;
  readonly problem: string;
  readonly hint: string;
}

/** Endpoint inventory, in a separate worker. */
export interface Endpoints {
  /** Adds verified events, as lines that an index writes. Ownership of the bytes passes to the inventory. */
  add(events: Lines): Promise<void>;
  /** Returns the inventory so far: the JSON of `Inventory`. */
  inventory(log: LogSummary): Promise<string>;
  /** Terminates the worker. */
  close(): void;
}

/** Creates inventories, and simulates exposure. */
export interface Overview {
  /**
   * Starts an inventory. With a description (OpenAPI or Swagger, as JSON or YAML), endpoints are compared with it; an
   * invalid description rejects.
   */
  endpoints(description: string | undefined): Promise<Endpoints>;
  /** Simulates annual losses, seeded by the log's root, and compares scenarios with the signals. */
  expose(
    scenarios: readonly ScenarioFile[],
    log: Pick<LogSummary, "origin" | "log">,
    signals?: Signals,
  ): Promise<Exposure | readonly ScenarioProblem[]>;
}
