/**
 * The inner parts of a started recorder with tenants: a pipeline for each tenant's log, so that no tenant waits for
 * another. All share the outbox, the limit of waiting bytes, the key, and the clock.
 *
 * States of a tenant:
 *
 *   waiting  Its log's origin is being looked up. Events wait in memory, in a `StartupQueue`.
 *     -> open     The origin is known.
 *     -> (none)   There is no log: the events' handles reject.
 *   open     Its pipeline records and delivers events. At most `MAX_OPEN` tenants are open.
 *     -> retired  Another tenant became open, and this one was the least recently used.
 *   retired  Its chain is ending, while the pipeline delivers what waits. A new event opens the tenant again.
 *     -> (none)   All is delivered. The newest head and the origin of its log move from memory to the outbox's values, if
 *                 it has some, and are read again when the tenant is opened.
 *
 * If an answer contradicts the newest head of the tenant's log, the tenant is stopped: its undelivered events fail, or
 * stay in the outbox, and its new events are rejected (`log.rewritten`). Other tenants continue.
 *
 * A tenant whose origin is in the outbox is open at once, because its events are then stored at once. The lookup of its
 * origin only checks that the log is the same; after another answer (`tenant.changed`), its new events are rejected.
 */

import { requestScope } from "../context/request.js";
import type { Destination } from "../deliver/destination.js";
import { Failure } from "../deliver/failure.js";
import { type HeadStore, NO_HEAD } from "../deliver/newest-head.js";
import { CountersignError, callOnError, coded } from "../error.js";
import type { RecorderOutbox, RestoredItem, RestoredItems } from "../outbox/recorder-outbox.js";
import { field } from "../own.js";
import { atMost, Notifier } from "../promises.js";
import { pause, sleep, unref, within } from "../timers.js";
import { type FlushOptions, retryForMsOf, type Status } from "./audit.js";
import { type Chain, LINK } from "./chain.js";
import { Clock } from "./clock.js";
import type { AuditEvent } from "./event.js";
import type { EventPipeline, ReplaceablePipeline } from "./event-pipeline.js";
import { normalized } from "./fields.js";
import { MAX_CONTEXT_MS } from "./flush-scheduler.js";
import { droppedHandle, type Handle, invalidHandle } from "./handle.js";
import { type EventProblem, Intake, textOf, withoutTenant } from "./intake.js";
import type { Hold, Lifecycle } from "./lifecycle.js";
import { ORPHANS_PERIOD_MS } from "./linker.js";
import { type Dropped, type LossReason, LostEvents, lostError } from "./lost-events.js";
import type { Settings, TenantSettings } from "./options.js";
import { PendingCalls } from "./pending-calls.js";
import { Pipeline } from "./pipeline.js";
import { completed, completedText } from "./scope.js";
import { invalid } from "./serialize.js";
import { type Copy, copiesOf, eventIn, sharedHandle, tenantsOf } from "./shared-event.js";
import type { KeyHandle, Signer } from "./signer.js";
import { StartupQueue } from "./startup-queue.js";
import type { CreatedLog, ReadKey } from "./tenant-creation.js";
import { type Lookup, lookupError, ofTenant, TenantOrigins } from "./tenant-origins.js";

/** The parts and settings of tenants' pipelines. */
export interface TenantPipelinesParts {
  /** The origin of the root log. */
  root: string;
  settings: Settings;
  tenants: TenantSettings;
  now: () => number;
  outbox: RecorderOutbox;
  lifecycle: Lifecycle;
  hold: Hold | undefined;
  found: RestoredItems;
  key: ReadKey;
  readKey: (key: string | KeyHandle | Signer) => Promise<ReadKey>;
  /** Returns a function that starts chains for the log of this origin. */
  chains: (key: ReadKey, origin: string, outbox: RecorderOutbox, clock: Clock) => () => Chain;
  /** Returns the destination of the log of this origin, whose answers are compared with the newest of its heads. */
  destination: (origin: string, heads: HeadStore) => Destination;
  /** Has the log server create a tenant's log. */
  create: (tenant: string, key: ReadKey) => Promise<CreatedLog | undefined>;
}

/** Maximum number of tenants with an open chain. */
const MAX_OPEN = 64;
/**
 * Maximum number of concurrent deliveries, and of concurrent requests for new logs. Each waits for the log's next tick,
 * so fewer would be slow.
 */
const MAX_REQUESTS = 32;
/** Number of states that wait to be stored above which deliveries wait too. */
const MAX_RELEASING = 256;
/** Maximum number of tenants with another log that are remembered. A forgotten one is looked up again. */
const MAX_CHANGED = 10_000;
/** Milliseconds between two checks for a turn to look up a tenant, at first and at most. */
const INITIAL_POLL_MS = 10;
const MAX_POLL_MS = 500;
/** Maximum number of dead chains of former pipelines that `status` shows. */
const MAX_DEAD = 64;
/** Milliseconds to keep an idle program alive for lookups. */
const EXIT_TIMEOUT_MS = 5_000;

/** Events of a tenant whose log is being looked up. */
interface WaitingTenant {
  readonly queue: StartupQueue;
  failures: number;
  retry: ReturnType<typeof setTimeout> | undefined;
  /** The running lookup, unless contexts end one by one. */
  lookup: Promise<Pipeline> | undefined;
  /** When the running lookup began, on the monotonic clock. */
  begun: number;
}

export class TenantPipelines implements ReplaceablePipeline {
  readonly #parts: TenantPipelinesParts;
  readonly #intake: Intake;
  readonly #clock: Clock;
  readonly #origins: TenantOrigins;
  readonly #losses: LostEvents;
  /** The least recently used first. */
  readonly #open = new Map<string, Pipeline>();
  readonly #retired = new Map<Pipeline, string>();
  readonly #waiting = new Map<string, WaitingTenant>();
  /** Tenants whose lookup has confirmed the origin in the outbox, or is running. */
  readonly #confirmed = new Set<string>();
  /** Why events of these tenants are rejected: `tenant.changed` or `log.rewritten`. */
  readonly #refused = new Map<string, CountersignError>();
  /** Why a tenant lost events that no outbox contains. */
  #lostError: CountersignError | undefined;
  /** Pending writes of contradictions to the outbox. */
  #storing: Promise<unknown> = Promise.resolve();
  /** Pending moves of logs' states to the outbox's values, by tenant. */
  readonly #releasing = new Map<string, Promise<void>>();
  readonly #inRelease = atMost(MAX_REQUESTS);
  /** Notifies when a move ends. */
  readonly #released = new Notifier();
  readonly #calls = new PendingCalls();
  /** Runs deliveries within their limit. */
  readonly #inSlot: <T>(work: () => Promise<T>) => Promise<T>;
  readonly #unfollow: () => void;
  readonly #watch: ReturnType<typeof setInterval> | undefined;
  #key: ReadKey;
  /** The time of the event that is being moved to a pipeline. */
  #moment: number | undefined;
  #isCatchingUp = false;
  #isClosed = false;
  #wasIdle = false;
  #lastError: CountersignError | undefined;
  /** Counts and dead chains of pipelines that no longer exist. */
  #past: Pick<Status, "dropped" | "lost" | "redacted" | "repeated" | "dead"> = {
    dropped: 0,
    lost: 0,
    redacted: 0,
    repeated: 0,
    dead: [],
  };
  #successor: ReplaceablePipeline | undefined;

  constructor(parts: TenantPipelinesParts) {
    const { root, settings, tenants, found, lifecycle, outbox, hold } = parts;
    this.#parts = parts;
    this.#key = parts.key;
    this.#intake = new Intake(settings);
    this.#clock = new Clock(() => this.#moment ?? parts.now());
    this.#losses = new LostEvents((error) => callOnError(settings.onError, error));
    // Contexts that end one by one must not wait for each other.
    const limit = settings.manyContexts ? Number.POSITIVE_INFINITY : MAX_REQUESTS;
    this.#inSlot = atMost(limit);
    const create = atMost(limit);
    const createLog = async (tenant: string) => {
      const created = await parts.create(tenant, this.#key);
      const view = created && outbox.forTenant(tenant, created.origin);
      if (created !== undefined && view?.seen === NO_HEAD) {
        view.see({ since: `0,${created.since}`, proof: undefined });
      }
      return created?.origin;
    };
    const lookup = lookupOf(tenants, (tenant) => create(() => createLog(tenant)));
    this.#origins = new TenantOrigins({ root, lookup, pinned: found.origins, isShared: !settings.manyContexts });
    this.#unfollow = lifecycle.follow({
      hidden: () => {},
      shown: () => void this.#adopt(),
      leaving: () => {},
      idle: () => this.#idle(),
      exiting: () => this.#exit(),
    });
    this.#restore(found);
    if (outbox.hasOrphans && settings.autoFlush !== undefined && hold === undefined) {
      this.#watch = setInterval(() => void this.#adopt(), ORPHANS_PERIOD_MS);
      unref(this.#watch);
    }
  }

  get origin(): string {
    return this.#parts.root;
  }

  get chain(): undefined {
    return undefined;
  }

  get queued(): number {
    return sum(this.#pipelines, ({ queued }) => queued) + this.#waitingEvents;
  }

  get waiting(): number {
    return sum(this.#pipelines, ({ waiting }) => waiting) + this.#waitingEvents;
  }

  record(event: AuditEvent): Handle {
    return this.recordRead(completed(event, requestScope()), []);
  }

  recordRead(event: AuditEvent, problems: readonly EventProblem[]): Handle {
    if (this.#successor !== undefined) {
      return this.#successor.recordRead(event, problems);
    }
    return this.#reporting(event, () =>
      this.#intake.record(event, (json, found) => this.recordText(json, found), problems),
    );
  }

  recordText(json: string, problems: readonly EventProblem[]): Handle {
    if (this.#successor !== undefined) {
      return this.#successor.recordText(json, problems);
    }
    this.#refuseClosed();
    const event = eventIn(json);
    const tenants = event && tenantsOf(event);
    const copies =
      event === undefined || tenants === undefined
        ? ([[this.#tenantOf(event), json]] as const)
        : copiesOf(event, tenants, this.#parts.settings.random);
    return this.#recordCopies(copies, (pipeline, copy) => pipeline.recordText(copy, problems));
  }

  recordJson(json: string | Uint8Array): Handle {
    if (this.#successor !== undefined) {
      return this.#successor.recordJson(json);
    }
    return this.#reporting(undefined, () => {
      this.#refuseClosed();
      const text = textOf(completedText(json, requestScope()));
      const event = eventIn(text);
      if (event !== undefined && Object.hasOwn(event, "tenants")) {
        const hint = "pass the event to record, or call recordJson with the event of each tenant";
        throw invalid("recordJson can't record an event with `tenants`", hint, "tenants");
      }
      return this.#recordCopies([[this.#tenantOf(event), text]], (pipeline) => pipeline.recordJson(text));
    });
  }

  catchUp(work: () => void): void {
    this.#isCatchingUp = true;
    try {
      work();
    } finally {
      this.#isCatchingUp = false;
    }
  }

  drop(dropped: Dropped, reason: LossReason): void {
    const { defaultTenant } = this.#parts.tenants;
    let pipeline: Pipeline | undefined;
    try {
      pipeline = defaultTenant === undefined ? undefined : this.#pipelineOf(defaultTenant);
    } catch {
      // The next event of the default tenant reports this.
    }
    if (pipeline === undefined) {
      this.#losses.drop(dropped, reason);
    } else {
      pipeline.drop(dropped, reason);
    }
  }

  recordInvalid(error: CountersignError): void {
    this.#recordInvalid(error, undefined);
  }

  flushSoon(): void {
    for (const pipeline of this.#pipelines) {
      pipeline.flushSoon();
    }
  }

  async flush(options: FlushOptions = {}): Promise<void> {
    if (this.#successor !== undefined) {
      return this.#successor.flush(options);
    }
    const work = (pipeline: Pipeline, left: FlushOptions) => pipeline.flush(left);
    return this.#calls.until(this.#forAll(retryForMsOf(options), work));
  }

  async rotate(key: string | KeyHandle | Signer, options: FlushOptions = {}): Promise<void> {
    const patience = retryForMsOf(options);
    this.#key = await this.#parts.readKey(key);
    this.#refuseClosed();
    const open = new Set(this.#open.values());
    // A retired chain ends anyway.
    const work = (pipeline: Pipeline, left: FlushOptions) =>
      open.has(pipeline) ? pipeline.rotate(key, left) : pipeline.flush(left);
    return this.#calls.until(this.#forAll(patience, work));
  }

  async close(options: FlushOptions = {}): Promise<void> {
    const patience = retryForMsOf(options);
    if (this.#successor !== undefined) {
      return;
    }
    this.#isClosed = true;
    clearInterval(this.#watch);
    let failure: { error: unknown } | undefined;
    try {
      // Closing an empty pipeline would record an empty chain.
      const work = async (pipeline: Pipeline, left: FlushOptions) =>
        isUnused(pipeline) ? pipeline.discard() : pipeline.close(left);
      await this.#calls.until(this.#forAll(patience, work));
    } catch (error) {
      failure = { error };
    }
    await this.#calls.until(Promise.all([this.#storing, ...this.#releasing.values()]));
    if ([...this.#pipelines].every(({ isDelivered }) => isDelivered) && this.#waiting.size === 0) {
      await this.#calls.until(this.#parts.outbox.close());
      this.#unfollow();
    }
    if (failure !== undefined) {
      throw failure.error;
    }
    if (this.#lostError !== undefined) {
      throw this.#lostError;
    }
  }

  status(): Status {
    if (this.#successor !== undefined) {
      return this.#successor.status();
    }
    const all = this.#named.map(([pipeline, tenant]) => {
      const status = pipeline.status();
      return { ...status, dead: deadOf(tenant, status.dead) };
    });
    const retries = all.flatMap(({ retryInMs }) => retryInMs ?? []);
    return {
      queued: this.queued,
      waiting: this.waiting,
      waitingBytes:
        sum(all, ({ waitingBytes }) => waitingBytes) + sum(this.#waiting.values(), ({ queue }) => queue.bytes),
      inFlight: sum(all, ({ inFlight }) => inFlight),
      chain: undefined,
      lastProof: all.findLast(({ lastProof }) => lastProof !== undefined)?.lastProof,
      lastError: this.#lastError ?? all.find(({ lastError }) => lastError !== undefined)?.lastError,
      retryInMs: retries.length === 0 ? undefined : Math.min(...retries),
      dropped: sum(all, ({ dropped }) => dropped) + this.#losses.dropped + this.#past.dropped,
      lost: sum(all, ({ lost }) => lost) + this.#losses.lost + this.#past.lost,
      redacted: sum(all, ({ redacted }) => redacted) + this.#past.redacted,
      repeated: sum(all, ({ repeated }) => repeated) + this.#past.repeated,
      dead: [...this.#past.dead, ...all.flatMap(({ dead }) => dead)],
    };
  }

  discard(): void {
    clearInterval(this.#watch);
    this.#unfollow();
    for (const pipeline of this.#pipelines) {
      pipeline.discard();
    }
  }

  async handOver(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#watch);
    this.#unfollow();
    await Promise.all([...this.#pipelines].map((pipeline) => pipeline.handOver()));
    await Promise.all(this.#releasing.values());
    await this.#parts.outbox.close();
  }

  replaceBy(successor: ReplaceablePipeline): void {
    this.#successor = successor;
    for (const pipeline of this.#pipelines) {
      pipeline.replaceBy(successor);
    }
    for (const { queue, retry } of this.#waiting.values()) {
      clearTimeout(retry);
      queue.moveTo(successor, () => {});
    }
    this.#waiting.clear();
  }

  get #pipelines(): Iterable<Pipeline> {
    return [...this.#retired.keys(), ...this.#open.values()];
  }

  /** The pipelines with their tenants. */
  get #named(): readonly (readonly [pipeline: Pipeline, tenant: string])[] {
    return [...this.#retired, ...Array.from(this.#open, ([tenant, pipeline]) => [pipeline, tenant] as const)];
  }

  get #waitingEvents(): number {
    return sum(this.#waiting.values(), ({ queue }) => queue.length);
  }

  get #heldBytes(): number {
    const waiting = sum(this.#waiting.values(), ({ queue }) => queue.bytes + LINK * queue.length);
    return sum(this.#pipelines, ({ heldBytes }) => heldBytes) + waiting;
  }

  #refuseClosed(): void {
    if (this.#isClosed) {
      throw new CountersignError("recorder.out_of_turn", "the recorder is closed", { hint: "create a new one" });
    }
  }

  /** Returns the tenant whose log an event is for. */
  #tenantOf(event: AuditEvent | undefined): string {
    const tenant = event !== undefined && Object.hasOwn(event, "tenant") ? event.tenant : undefined;
    const found = typeof tenant === "string" && tenant !== "" ? tenant : this.#parts.tenants.defaultTenant;
    if (found === undefined) {
      throw withoutTenant();
    }
    return found;
  }

  /** Records the copies of an event in their tenants' pipelines, once there are some. Throws if the event is invalid. */
  #recordCopies(copies: readonly Copy[], record: (pipeline: EventPipeline, json: string) => Handle): Handle {
    const isRoom = this.#hasRoom(copies);
    const recordCopy = ([tenant, json]: Copy) =>
      isRoom ? this.#into(tenant, json.length, (pipeline) => record(pipeline, json)) : droppedHandle();
    const [first, ...others] = copies;
    if (first !== undefined && others.length === 0) {
      return recordCopy(first);
    }
    const handles = new Map<string, Handle>();
    // Open tenants validate the event now. If it is invalid, it is then in no log.
    const inOrder = [...copies].sort(([a], [b]) => Number(this.#open.has(b)) - Number(this.#open.has(a)));
    for (const copy of inOrder) {
      try {
        handles.set(copy[0], recordCopy(copy));
      } catch (cause) {
        if (handles.size === 0 || !(cause instanceof CountersignError)) {
          throw cause;
        }
        handles.set(copy[0], this.#rejected(ofTenant(copy[0], cause)));
      }
    }
    return sharedHandle(new Map(copies.map(([tenant]) => [tenant, handles.get(tenant) as Handle])));
  }

  /** True if the copies of an event fit. Otherwise counts them as dropped, or throws. */
  #hasRoom(copies: readonly Copy[]): boolean {
    const { maxWaitingBytes, drops } = this.#parts.settings;
    // A lower bound of the UTF-8 size, which is only known once the event is in the chain.
    const bytes = sum(copies, ([, json]) => json.length + LINK);
    if (this.#isCatchingUp || this.#heldBytes + bytes <= maxWaitingBytes) {
      return true;
    }
    if (!drops) {
      throw new CountersignError("recorder.full", "the recorder is full: maxWaitingBytes is reached", {
        hint: "flush more often, check why flushes fail, or raise maxWaitingBytes",
      });
    }
    const now = this.#clock.now();
    for (const [tenant] of copies) {
      const dropped = { count: 1, since: now, until: now };
      const pipeline = this.#open.get(tenant);
      if (pipeline === undefined) {
        this.#losses.drop(dropped);
      } else {
        pipeline.drop(dropped, "too much waited to be delivered");
      }
    }
    return false;
  }

  #into(tenant: string, bytes: number, record: (pipeline: EventPipeline) => Handle): Handle {
    let waiting = this.#waiting.get(tenant);
    if (waiting === undefined) {
      let pipeline: Pipeline | undefined;
      try {
        pipeline = this.#pipelineOf(tenant);
      } catch (cause) {
        const error = cause as CountersignError;
        if (error.code !== "tenant.failed") {
          return this.#rejected(error);
        }
      }
      if (pipeline !== undefined) {
        return recorded(pipeline, record);
      }
      const queue = new StartupQueue((handle) => this.#awaited(tenant, handle));
      waiting = { queue, failures: 0, retry: undefined, lookup: undefined, begun: Number.NEGATIVE_INFINITY };
      this.#waiting.set(tenant, waiting);
    }
    const handle = waiting.queue.add(bytes, this.#parts.now(), record);
    this.#lookUpSoon(tenant, waiting);
    return handle;
  }

  /** With `onInvalid: "report"`, reports an invalid event and records `countersign.dropped` for it. */
  #reporting(event: AuditEvent | undefined, record: () => Handle): Handle {
    try {
      return record();
    } catch (cause) {
      const { reports, onError } = this.#parts.settings;
      if (!reports || !(cause instanceof CountersignError) || cause.code !== "event.invalid") {
        throw cause;
      }
      callOnError(onError, cause);
      for (const tenant of namedTenants(event)) {
        this.#recordInvalid(cause, tenant);
      }
      return invalidHandle(cause);
    }
  }

  /** Rejects an event because its tenant has no log. */
  #rejected(error: CountersignError): Handle {
    callOnError(this.#parts.settings.onError, error);
    this.#losses.lost++;
    return invalidHandle(error);
  }

  #recordInvalid(error: CountersignError, of: string | undefined): void {
    const tenant = of ?? this.#parts.tenants.defaultTenant;
    if (tenant === undefined || this.#isClosed) {
      this.#losses.lost++;
      return;
    }
    this.#into(tenant, 0, (pipeline) => {
      pipeline.recordInvalid(error);
      return invalidHandle(error);
    });
  }

  /**
   * Returns the tenant's pipeline. Undefined if its log must be looked up first. Throws if there is none, or if another
   * lookup may succeed.
   */
  #pipelineOf(tenant: string): Pipeline | undefined {
    const refused = this.#refused.get(tenant);
    if (refused !== undefined) {
      throw refused;
    }
    const open = this.#open.get(tenant);
    const origin = this.#pinned(tenant);
    if (origin !== undefined && !this.#confirmed.has(tenant)) {
      this.#confirm(tenant);
    }
    if (open !== undefined) {
      this.#open.delete(tenant);
      this.#open.set(tenant, open);
      return open;
    }
    if (origin !== undefined) {
      return this.#begin(tenant, origin);
    }
    const { lookup } = this.#parts.tenants;
    if (this.#parts.settings.manyContexts && typeof lookup !== "object") {
      // A lookup that takes a while would be repeated for each event. A flush begins it.
      const known = this.#origins.known(tenant);
      return known === undefined ? undefined : this.#begin(tenant, known);
    }
    const found = this.#origins.find(tenant);
    if (typeof found === "string") {
      return this.#begin(tenant, found);
    }
    // `#lookUp` handles the failure.
    found.catch(() => {});
    return undefined;
  }

  /** Returns the origin that the outbox remembers. Throws `tenant.failed` if the outbox can't be read. */
  #pinned(tenant: string): string | undefined {
    const pinned = this.#origins.pinned(tenant);
    if (pinned !== undefined) {
      return pinned;
    }
    let recalled: string | undefined;
    try {
      recalled = this.#parts.outbox.recall(tenant);
    } catch (cause) {
      throw lookupError(tenant, cause);
    }
    if (recalled !== undefined) {
      this.#origins.pin(tenant, recalled);
    }
    return recalled;
  }

  /** Checks that the tenant's log is the one that the outbox remembers. */
  #confirm(tenant: string): void {
    this.#confirmed.add(tenant);
    const refuseOrRetry = (error: CountersignError) => {
      if (error.code === "tenant.changed") {
        this.#refuseChanged(tenant, error);
      } else {
        // The next event asks again. Without an answer, the origin in the outbox holds.
        this.#confirmed.delete(tenant);
      }
      return error;
    };
    let found: string | Promise<string>;
    try {
      found = this.#origins.find(tenant);
    } catch (cause) {
      const error = refuseOrRetry(cause as CountersignError);
      if (error.code !== "tenant.failed") {
        throw error;
      }
      return;
    }
    if (typeof found !== "string") {
      found.catch((cause) => {
        const error = refuseOrRetry(cause);
        if (error.code !== "tenant.failed") {
          callOnError(this.#parts.settings.onError, error);
        }
      });
    }
  }

  /** Rejects events of a tenant that has another log than before. */
  #refuseChanged(tenant: string, error: CountersignError): void {
    this.#refused.set(tenant, error);
    const changed = [...this.#refused].filter(([, { code }]) => code === "tenant.changed");
    if (changed.length > MAX_CHANGED) {
      this.#refused.delete(changed[0]?.[0] ?? "");
    }
  }

  /** Opens a tenant. */
  #begin(tenant: string, origin: string, found: readonly RestoredItem[] = []): Pipeline {
    this.#forgetDelivered();
    if (this.#open.size >= MAX_OPEN) {
      this.#retireFirst();
    }
    const { settings, outbox, lifecycle, hold, chains, readKey, destination } = this.#parts;
    if (outbox.isDurable && this.#origins.pinned(tenant) === undefined) {
      this.#origins.pin(tenant, origin);
      this.#confirmed.add(tenant);
    }
    if (outbox.isDurable && !outbox.hasOrigin(tenant)) {
      // Outboxes make changes in order, so this one precedes those with the tenant's events.
      outbox.keepOrigin(tenant, origin).catch((error: CountersignError) => this.#failed(ofTenant(tenant, error)));
    }
    const view = outbox.forTenant(tenant, origin);
    const pipeline = new Pipeline({
      origin,
      settings: { ...settings, onError: (error) => settings.onError(ofTenant(tenant, error)) },
      clock: this.#clock,
      outbox: view,
      destination: this.#limited(destination(origin, view), tenant),
      lifecycle,
      hold,
      begin: async (key) => chains(await readKey(key), origin, view, this.#clock),
      chain: chains(this.#key, origin, view, this.#clock),
      found,
      stopped: (error) => this.#stop(tenant, origin, error),
    });
    this.#open.set(tenant, pipeline);
    return pipeline;
  }

  /** Stops a tenant whose log contradicts itself. */
  #stop(tenant: string, origin: string, error: CountersignError): void {
    if (this.#refused.get(tenant)?.code !== "log.rewritten") {
      this.#refused.set(tenant, error);
      const kept = this.#parts.outbox.forTenant(tenant, origin).keepContradiction();
      this.#storing = Promise.all([this.#storing, kept.catch((cause) => this.#failed(ofTenant(tenant, cause)))]);
    }
    for (const [pipeline, of] of [...this.#named]) {
      if (of === tenant) {
        pipeline.stop(error);
        this.#lostError ??= pipeline.lost;
        this.#forget(pipeline, tenant);
      }
    }
  }

  /** Returns the destination with its share of the requests at a time. Its `stopped` failures name the tenant. */
  #limited(destination: Destination, tenant: string): Destination {
    const send: Destination["send"] = (batches, sending) =>
      destination.send(batches, sending).catch((cause) => {
        const isStop = cause instanceof Failure && cause.scope === "stopped";
        throw isStop ? new Failure("stopped", ofTenant(tenant, cause.error)) : cause;
      });
    const inSlot: Destination["send"] = (batches, sending) =>
      this.#inSlot(async () => {
        // Otherwise, states would collect in memory while the disk is slower than deliveries.
        await this.#released.until(() => this.#releasing.size < MAX_RELEASING);
        return send(batches, sending);
      });
    return { send: (batches, sending) => (sending.keepalive ? send(batches, sending) : inSlot(batches, sending)) };
  }

  /** Ends the chain of the least recently used tenant. */
  #retireFirst(): void {
    for (const [tenant, pipeline] of this.#open) {
      this.#open.delete(tenant);
      this.#retired.set(pipeline, tenant);
      if (isUnused(pipeline)) {
        this.#forget(pipeline, tenant);
      } else {
        pipeline.retire();
      }
      return;
    }
  }

  #forgetDelivered(): void {
    for (const [pipeline, tenant] of [...this.#retired]) {
      if (pipeline.isDelivered) {
        this.#forget(pipeline, tenant);
      }
    }
  }

  #forget(pipeline: Pipeline, tenant: string): void {
    const { dropped, lost, redacted, repeated, dead } = pipeline.status();
    this.#past = {
      dropped: this.#past.dropped + dropped,
      lost: this.#past.lost + lost,
      redacted: this.#past.redacted + redacted,
      repeated: this.#past.repeated + repeated,
      dead: [...this.#past.dead, ...deadOf(tenant, dead)].slice(-MAX_DEAD),
    };
    this.#retired.delete(pipeline);
    if (this.#open.get(tenant) === pipeline) {
      this.#open.delete(tenant);
    }
    pipeline.discard();
    this.#release(tenant, pipeline.origin);
  }

  /** Moves the state of a tenant's log out of memory, if the outbox has values and no pipeline uses it. */
  #release(tenant: string, origin: string): void {
    const isUsed = () =>
      this.#waiting.has(tenant) || [...this.#pipelines].some((pipeline) => pipeline.origin === origin);
    const letGo = () => {
      if (isUsed()) {
        return false;
      }
      this.#origins.unpin(tenant);
      this.#confirmed.delete(tenant);
      return true;
    };
    const release = async () => (isUsed() ? undefined : this.#parts.outbox.release(tenant, origin, letGo));
    // One after the other for each tenant, so that an older state never replaces a newer one.
    const before = this.#releasing.get(tenant) ?? Promise.resolve();
    const released = before
      .then(() => this.#inRelease(release))
      .catch((error) => this.#failed(ofTenant(tenant, error)))
      .finally(() => {
        if (this.#releasing.get(tenant) === released) {
          this.#releasing.delete(tenant);
        }
        this.#released.notify();
      });
    this.#releasing.set(tenant, released);
  }

  #failed(error: CountersignError): void {
    this.#lastError = error;
    callOnError(this.#parts.settings.onError, error);
  }

  /** Looks up a tenant's log in the background, unless an attempt failed recently. */
  #lookUpSoon(tenant: string, waiting: WaitingTenant): void {
    const { settings, hold } = this.#parts;
    if (hold !== undefined) {
      const until = performance.now() + MAX_CONTEXT_MS;
      hold(
        this.#lookedUp(tenant, until).then(
          (pipeline) => pipeline.flushSoon(),
          () => {},
        ),
      );
      return;
    }
    if (waiting.retry !== undefined || settings.manyContexts) {
      // Otherwise the flush of each context looks it up.
      return;
    }
    const retry = (error: CountersignError) => {
      if (error.code !== "tenant.failed" || this.#waiting.get(tenant) !== waiting || waiting.retry !== undefined) {
        return;
      }
      if (settings.autoFlush !== undefined) {
        waiting.retry = setTimeout(
          () => {
            waiting.retry = undefined;
            this.#lookUpSoon(tenant, waiting);
          },
          pause(settings.waits, waiting.failures),
        );
        unref(waiting.retry);
      }
    };
    this.#lookUp(tenant).catch(retry);
  }

  /** Waits for an event's handle until its tenant is open. */
  async #awaited(tenant: string, handle: Promise<Handle>): Promise<Handle> {
    const moved = async () => {
      if (this.#parts.settings.manyContexts) {
        // A later context may succeed, or has rejected the handle.
        await this.#lookedUp(tenant, performance.now() + MAX_CONTEXT_MS).catch(() => {});
      }
      return handle;
    };
    return this.#calls.until(moved());
  }

  /** Looks up a tenant's log, and again after failures until this time. */
  async #lookedUp(tenant: string, until: number): Promise<Pipeline> {
    const { manyContexts, timeoutMs, waits } = this.#parts.settings;
    let pollMs = INITIAL_POLL_MS;
    for (let failures = 1; ; ) {
      const waiting = this.#waiting.get(tenant);
      const now = performance.now();
      // A context awaits no promise of another one, which may end earlier. It only waits for its turn.
      const isTurn = !manyContexts || waiting === undefined || now - waiting.begun >= timeoutMs;
      if (!isTurn && now >= until) {
        throw this.#lastError ?? lateLookup();
      }
      try {
        if (isTurn) {
          return await this.#lookUp(tenant);
        }
      } catch (error) {
        if ((error as CountersignError).code !== "tenant.failed" || performance.now() >= until) {
          throw error;
        }
      }
      const waitMs = isTurn ? pause(waits, failures++) : pollMs;
      pollMs = Math.min(2 * pollMs, MAX_POLL_MS);
      await sleep(Math.min(waitMs, until - performance.now()));
    }
  }

  /** Looks up a tenant's log, and opens the tenant. Calls at the same time share an attempt. */
  #lookUp(tenant: string): Promise<Pipeline> {
    const waiting = this.#waiting.get(tenant);
    if (waiting === undefined || this.#parts.settings.manyContexts) {
      return this.#attempt(tenant);
    }
    waiting.lookup ??= this.#attempt(tenant).finally(() => {
      waiting.lookup = undefined;
    });
    return waiting.lookup;
  }

  async #attempt(tenant: string): Promise<Pipeline> {
    try {
      const known = this.#refused.has(tenant) ? undefined : this.#open.get(tenant);
      if (known !== undefined) {
        return known;
      }
      const origin = await this.#found(tenant);
      const pipeline = this.#open.get(tenant) ?? this.#begin(tenant, origin);
      this.#lastError = undefined;
      this.#moveWaiting(tenant, pipeline);
      return pipeline;
    } catch (cause) {
      const error = coded(cause, "tenant.failed", `the tenant's log could not be opened: ${cause}`, "see the cause");
      const waiting = this.#waiting.get(tenant);
      if (waiting === undefined) {
        throw error;
      }
      if (error.code === "tenant.failed") {
        waiting.failures++;
        this.#failed(error);
        throw error;
      }
      this.#waiting.delete(tenant);
      clearTimeout(waiting.retry);
      this.#losses.lost += waiting.queue.fail(error);
      callOnError(this.#parts.settings.onError, error);
      throw error;
    }
  }

  async #found(tenant: string): Promise<string> {
    const waiting = this.#waiting.get(tenant);
    // A new origin must match the one that the outbox remembers.
    this.#pinned(tenant);
    if (waiting === undefined) {
      return this.#origins.find(tenant);
    }
    const begun = performance.now();
    waiting.begun = begun;
    try {
      return await this.#origins.find(tenant);
    } finally {
      if (waiting.begun === begun) {
        waiting.begun = Number.NEGATIVE_INFINITY;
      }
    }
  }

  /** Moves events that waited for the tenant's log to its pipeline. */
  #moveWaiting(tenant: string, pipeline: Pipeline): void {
    const waiting = this.#waiting.get(tenant);
    if (waiting === undefined) {
      return;
    }
    this.#waiting.delete(tenant);
    clearTimeout(waiting.retry);
    let refusals: unknown[] = [];
    try {
      pipeline.catchUp(() => {
        refusals = waiting.queue.moveTo(pipeline, (time) => {
          this.#moment = time;
        });
      });
    } finally {
      this.#moment = undefined;
    }
    for (const error of refusals) {
      const hint = "see the cause";
      const known = coded(error, "recorder.failed", `an event could not be recorded: ${error}`, hint);
      callOnError(this.#parts.settings.onError, ofTenant(tenant, known));
    }
  }

  /**
   * Runs work in all pipelines, and in those of tenants that wait for their log. No tenant waits for another. Throws the
   * first failure when all are done.
   */
  async #forAll(patience: number, work: (pipeline: Pipeline, left: FlushOptions) => Promise<void>): Promise<void> {
    const until = performance.now() + patience;
    const left = (): FlushOptions =>
      patience === 0 ? {} : { retryForMs: Math.max(1, Math.ceil(until - performance.now())) };
    if (this.#parts.outbox.hasOrphans) {
      // Only then: events that are recorded during a wait become part of this flush.
      await this.#adopt();
    }
    const works = this.#named.map(async ([pipeline, tenant]) => {
      try {
        await work(pipeline, left());
      } catch (error) {
        throw error instanceof CountersignError ? ofTenant(tenant, error) : error;
      }
    });
    const lookups = [...this.#waiting.keys()].map(async (tenant) => {
      const found = this.#lookedUp(tenant, until);
      const late = () => this.#lastError ?? lateLookup();
      const pipeline = await (patience === 0 ? found : within(patience, found, late));
      await work(pipeline, left()).catch((error) => {
        throw error instanceof CountersignError ? ofTenant(tenant, error) : error;
      });
    });
    const results = await Promise.allSettled([...works, ...lookups]);
    this.#forgetDelivered();
    for (const result of results) {
      if (result.status === "rejected") {
        throw result.reason;
      }
    }
  }

  /** Takes over entries that ended recorders left in the outbox. */
  async #adopt(): Promise<void> {
    const { outbox } = this.#parts;
    // A closed recorder leaves them to the next one that opens the outbox.
    if (!outbox.hasOrphans || this.#isClosed) {
      return;
    }
    try {
      const found = await outbox.orphans();
      if (!this.#isClosed) {
        this.#restore(found);
      }
    } catch (error) {
      this.#failed(error as CountersignError);
    }
  }

  #restore({ tenants, origins, contradictions }: RestoredItems): void {
    for (const [tenant, cause] of contradictions) {
      const error = ofTenant(tenant, cause);
      this.#refused.set(tenant, error);
      const chains = new Set(tenants.get(tenant)?.flatMap((item) => (item.kind === "batch" ? item.batch.chain : [])));
      const dead = Array.from(chains, (chain) => ({ chain, error }));
      this.#past = { ...this.#past, dead: [...this.#past.dead, ...dead].slice(-MAX_DEAD) };
      callOnError(this.#parts.settings.onError, error);
    }
    for (const [tenant, origin] of origins) {
      if (this.#origins.pinned(tenant) === undefined) {
        this.#origins.pin(tenant, origin);
      }
    }
    for (const [tenant, origin] of origins) {
      if (!tenants.has(tenant)) {
        this.#release(tenant, origin);
      }
    }
    for (const [tenant, items] of tenants) {
      if (contradictions.has(tenant)) {
        // They stay in the outbox.
        continue;
      }
      const origin = this.#origins.pinned(tenant);
      const open = this.#open.get(tenant);
      if (open !== undefined) {
        open.restore(items);
      } else if (origin !== undefined) {
        this.#begin(tenant, origin, items);
      } else {
        const hint = "check whether other code uses this storage; the entries stay in the outbox";
        const error = new CountersignError("outbox.damaged", "the outbox does not contain the origin of the log", {
          hint,
        });
        callOnError(this.#parts.settings.onError, ofTenant(tenant, error));
      }
    }
  }

  /** Keeps an idle program alive until tenants are open, within limits. */
  #idle(): void {
    if (this.#waiting.size === 0) {
      return;
    }
    if (this.#wasIdle) {
      this.#calls.rejectAll(this.#lost());
      return;
    }
    this.#wasIdle = true;
    const until = performance.now() + EXIT_TIMEOUT_MS;
    Promise.all([...this.#waiting.keys()].map((tenant) => this.#lookedUp(tenant, until))).then(
      () => {
        this.#wasIdle = false;
      },
      () => this.#calls.rejectAll(this.#lost()),
    );
  }

  #exit(): void {
    if (this.#waitingEvents > 0) {
      callOnError(this.#parts.settings.onError, this.#lost());
      this.#parts.lifecycle.failed?.();
    }
  }

  #lost(): CountersignError {
    const hint = `fix the reason why the logs of tenants could not be found: ${this.#lastError?.message ?? "it took too long"}`;
    return lostError(this.#waitingEvents, this.#parts.outbox.isDurable, hint);
  }
}

function lateLookup(): CountersignError {
  return new CountersignError("tenant.failed", "the log of a tenant was not found in time", {
    hint: "check that the log server answers, or the function `tenants`",
  });
}

/** Returns the lookup for the option `tenants`. */
function lookupOf({ lookup }: TenantSettings, create: Lookup): Lookup {
  if (lookup === "create") {
    return create;
  }
  if (typeof lookup === "function") {
    return lookup;
  }
  return (tenant) => (Object.hasOwn(lookup, tenant) ? lookup[tenant] : undefined);
}

/** Returns the tenants that an invalid event names, or undefined in their place. */
function namedTenants(event: AuditEvent | undefined): readonly (string | undefined)[] {
  try {
    const tenants = event && tenantsOf(normalized(event) as AuditEvent);
    if (tenants !== undefined) {
      return tenants;
    }
  } catch {
    return [undefined];
  }
  const tenant = field(event, "tenant");
  return [typeof tenant === "string" && tenant !== "" ? tenant : undefined];
}

/** Returns dead chains whose errors name the tenant. */
function deadOf(tenant: string, dead: Status["dead"]): Status["dead"] {
  return dead.map(({ chain, error }) => ({ chain, error: ofTenant(tenant, error) }));
}

/** True if the pipeline has no chain to end. */
function isUnused({ chain, isDelivered }: Pipeline): boolean {
  return chain === undefined && isDelivered;
}

/** Records an event whose size was already counted. */
function recorded(pipeline: Pipeline, record: (pipeline: EventPipeline) => Handle): Handle {
  let handle: Handle | undefined;
  pipeline.catchUp(() => {
    handle = record(pipeline);
  });
  return handle as Handle;
}

function sum<T>(items: Iterable<T>, value: (item: T) => number): number {
  let total = 0;
  for (const item of items) {
    total += value(item);
  }
  return total;
}
