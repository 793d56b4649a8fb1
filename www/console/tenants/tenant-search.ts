/**
 * Searches many tenant logs, each as its own page does: its answer is verified here, with the operator's keys and what
 * this device remembers of the log. A log that can't be searched is a result too.
 */

import { type PlainError, plainError } from "@countersign/shared/error.js";
import type { EventRow, QueryError } from "@countersign/ui/index/types.js";
import { completeRange } from "@countersign/ui/viewer/session/facts.js";
import type { Session, Tools } from "@countersign/ui/viewer/session/session.js";
import type { Alarm } from "@countersign/ui/viewer/verdict/alarm.js";
import type { Judged } from "countersign/verify";
import type { TrustChoice } from "../../src/input/trust.ts";
import { Memory } from "../../src/state/memory.ts";
import { type Conditions, NO_CONDITIONS } from "../address.ts";
import { History } from "../history.ts";
import { Log, type RequestFailure } from "../log.ts";
import { SearchRunner } from "../search-runner.ts";
import { addressOf, type Tenant, trustOf } from "./tenant.ts";

/** Number of logs that are searched at the same time. The log server runs two searches of a reader at a time. */
const MAX_AT_ONCE = 4;
/** Largest log that is loaded whole, in entries. */
export const MAX_WHOLE = 10_000;
/** Newest matching events that a larger log is asked for. */
const MAX_ASKED = 1000;
/** Number of events kept for each log, and of logs whose events and reports are kept. */
const MAX_ROWS = 20;
const MAX_DETAILED = 500;

/**
 * - `searched`: the answer was verified and searched;
 * - `empty`: the log has no entries, or says so if `isWhole` is false;
 * - `unread`: there is no result, because of a refusal or a failure.
 */
export type TenantOutcome = "searched" | "empty" | "unread";

/** Result of one log. */
export interface TenantResult {
  readonly tenant: Tenant;
  readonly outcome: TenantOutcome;
  /** Number of matching events that were verified. */
  readonly events: number;
  /** True if the log may have more of them, because only the newest were asked for. */
  readonly isCut: boolean;
  /** Number of withheld events that the query can't be decided for. */
  readonly undecided: number;
  /** True if the log was loaded whole, or is proven to be empty, so that it could hide no match. */
  readonly isWhole: boolean;
  /** The newest matching events. */
  readonly rows: readonly EventRow[];
  readonly verdict: Judged["report"]["verdict"] | undefined;
  /** The report, and how the trust file compares with it; undefined if too many are kept already. */
  readonly judged: Judged | undefined;
  readonly compared: Session["compared"];
  readonly refusal: RequestFailure | undefined;
  readonly failure: PlainError | undefined;
}

interface TenantSearchDependencies {
  readonly log: Log;
  readonly trust: () => TrustChoice;
  readonly tools: () => Promise<Tools>;
  readonly changed: () => void;
  /** Called when the log server no longer accepts the token. */
  readonly denied: (refusal: RequestFailure) => void;
}

/** Options of a search. */
export interface TenantQuery {
  readonly query: string;
  /** True to load logs of up to `MAX_WHOLE` entries whole. */
  readonly isWhole: boolean;
}

export class TenantSearch {
  /** The last search; undefined before the first. */
  asked: TenantQuery | undefined;
  isRunning = false;
  /** True if it was canceled, or the token was rejected. */
  isEnded = false;
  /** Logs to search. */
  total = 0;
  /** Results in the order in which they arrived. */
  readonly results: TenantResult[] = [];
  #tenants: readonly Tenant[] = [];
  /** Why the query is invalid. */
  invalid: QueryError | undefined;
  /** The first log whose history changed. */
  alarm: Alarm | undefined;
  readonly #dependencies: TenantSearchDependencies;
  #running = new AbortController();
  #notification: ReturnType<typeof setTimeout> | undefined;

  constructor(dependencies: TenantSearchDependencies) {
    this.#dependencies = dependencies;
  }

  /** Number of logs that were searched. */
  get looked(): number {
    return this.results.filter(({ outcome }) => outcome !== "unread").length;
  }

  /** Searches these logs. Resolves when all have been asked, or the search was canceled. */
  async run(tenants: readonly Tenant[], asked: TenantQuery): Promise<void> {
    this.close();
    this.#tenants = tenants;
    await this.#start(asked);
  }

  /** Searches the logs again that weren't searched yet, or couldn't be. */
  async resume(): Promise<void> {
    if (this.asked === undefined || this.isRunning) return;
    const searched = this.results.filter(({ outcome }) => outcome !== "unread");
    this.results.splice(0, this.results.length, ...searched);
    await this.#start(this.asked);
  }

  async #start(asked: TenantQuery): Promise<void> {
    this.#running = new AbortController();
    const { signal } = this.#running;
    const done = new Set(this.results.map(({ tenant }) => tenant.id));
    Object.assign(this, { asked, isRunning: true, isEnded: false, total: this.#tenants.length });
    this.#dependencies.changed();
    const tools = await this.#dependencies.tools();
    const invalid = await checked(tools, asked.query);
    if (signal.aborted) return;
    if (invalid !== undefined) {
      Object.assign(this, { invalid, isRunning: false, total: 0 });
      this.#dependencies.changed();
      return;
    }
    const waiting = this.#tenants.filter(({ id }) => !done.has(id)).values();
    const work = async () => {
      for (const tenant of waiting) {
        const result = await this.#search(tenant, asked, tools, signal);
        if (signal.aborted || result === undefined) return;
        this.results.push(result);
        this.#notify();
      }
    };
    await Promise.all(Array.from({ length: MAX_AT_ONCE }, work));
    if (signal.aborted) return;
    this.isRunning = false;
    this.#dependencies.changed();
  }

  /** Ends the search. What was found stays. */
  cancel(): void {
    if (!this.isRunning) return;
    this.#running.abort();
    this.isRunning = false;
    this.isEnded = true;
    this.#dependencies.changed();
  }

  /** Ends the search, and forgets what was found. */
  close(): void {
    this.#running.abort();
    this.#tenants = [];
    clearTimeout(this.#notification);
    this.#notification = undefined;
    this.results.length = 0;
    Object.assign(this, { asked: undefined, isRunning: false, isEnded: false, total: 0, invalid: undefined });
    this.alarm = undefined;
  }

  /** Searches one log. Returns undefined if the search is over. */
  async #search(
    tenant: Tenant,
    { query, isWhole }: TenantQuery,
    tools: Tools,
    signal: AbortSignal,
  ): Promise<TenantResult | undefined> {
    const { log: root, trust, denied } = this.#dependencies;
    const log = new Log({ pathname: `/${addressOf(tenant)}` }, addressOf(tenant));
    log.token = root.token;
    const history = new History(log, Memory.ofBrowser({ replacesOthers: false }));
    const reader = {
      trust: trustOf(trust(), tenant),
      deny: (refusal: RequestFailure) => {
        if (signal.aborted) return;
        this.cancel();
        denied(refusal);
      },
    };
    const runner = new SearchRunner({
      log,
      reader,
      history,
      tools: async () => ofOneLog(tools),
      changed: () => {},
    });
    const stop = () => runner.close();
    signal.addEventListener("abort", stop);
    try {
      const loadsAll = isWhole && tenant.size <= MAX_WHOLE;
      const conditions: Conditions = loadsAll
        ? NO_CONDITIONS
        : { ...NO_CONDITIONS, query, limit: String(MAX_ASKED) };
      await runner.run(conditions);
      const { session, refusal } = runner.search;
      if (signal.aborted) return undefined;
      this.alarm ??= history.alarm;
      if (session?.verification === undefined)
        return resultOf(tenant, { refusal, failure: session?.failure });
      const { report, why } = session.verification;
      if (report.log?.size === 0) {
        const isEmpty = why === "empty.log" && report.checks.log.state === "pass";
        const isWhole = isEmpty && tenant.size === 0;
        return resultOf(tenant, { outcome: "empty", verdict: report.verdict, isWhole });
      }
      return await this.#read(tenant, session, query, loadsAll);
    } catch (error) {
      if (signal.aborted) return undefined;
      return resultOf(tenant, { failure: plainError(error) });
    } finally {
      signal.removeEventListener("abort", stop);
      runner.close();
    }
  }

  /** Searches the verified events. */
  async #read(
    tenant: Tenant,
    { index, verification, compared }: Session,
    query: string,
    isWhole: boolean,
  ): Promise<TenantResult> {
    const found = await index.ask(query, { by: "place", descending: true }, () => {});
    if ("code" in found) throw new Error(found.message);
    const isDetailed = this.results.length < MAX_DETAILED;
    const rows = found.events > 0 && isDetailed ? await index.rows(0, MAX_ROWS, []) : [];
    const report = verification?.report;
    const range = report === undefined ? undefined : completeRange(report);
    const size = report?.log?.size ?? 0;
    const hasAll = isWhole && range?.[0] === 0 && range[1] === size && size >= tenant.size;
    return resultOf(tenant, {
      outcome: "searched",
      events: found.events,
      isCut: !isWhole && (report?.counts.events ?? 0) >= MAX_ASKED,
      undecided: found.unknown.withheld,
      isWhole: hasAll,
      rows: rows.filter((row) => row.kind === "event"),
      verdict: report?.verdict,
      judged: isDetailed ? verification : undefined,
      compared,
    });
  }

  /** Reports changes, at most a few times a second. */
  #notify(): void {
    this.#notification ??= setTimeout(() => {
      this.#notification = undefined;
      this.#dependencies.changed();
    }, 100);
  }
}

function resultOf(tenant: Tenant, result: Partial<TenantResult>): TenantResult {
  return {
    tenant,
    outcome: "unread",
    events: 0,
    isCut: false,
    undecided: 0,
    isWhole: false,
    rows: [],
    verdict: undefined,
    judged: undefined,
    compared: undefined,
    refusal: undefined,
    failure: undefined,
    ...result,
  };
}

/** Returns the tools with as few workers for a log as possible: there are many logs, and most are small. */
function ofOneLog(tools: Tools): Tools {
  return {
    ...tools,
    verify: (source, options) => tools.verify(source, { ...options, threads: 1 }),
    analysis: undefined,
    rules: undefined,
  };
}

/** Returns why a query is invalid; undefined if it is valid. */
async function checked(tools: Tools, query: string): Promise<QueryError | undefined> {
  const index = tools.index();
  try {
    return await index.check(query);
  } finally {
    index.close();
  }
}
