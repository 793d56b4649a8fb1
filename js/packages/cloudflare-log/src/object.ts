/** A log as a Durable Object. */

import { DurableObject } from "cloudflare:workers";
import { must } from "@countersign/shared/error.js";
import { deferred } from "@countersign/shared/promises.js";
import { settlesWithin, sleep } from "@countersign/shared/timers.js";
import { Bodies } from "./body.js";
import { check, copy, OtherLog } from "./copies.js";
import { Exports } from "./exports.js";
import { begin, current, isStop, replace } from "./instance.js";
import type { LogEnv, ObjectState, TileBucket } from "./platform.js";
import { live, pieces, unavailable, whole } from "./responses.js";
import { type LogSettings, maxWaitingBytesOf, settingsOf, tickMsOf } from "./settings.js";
import { Tables } from "./storage.js";
import { Turns } from "./turns.js";
import { type Answer, Log } from "./wasm/log.js";
import { gather } from "./witnesses.js";

/** The bodies being read for all logs of the isolate, which share its memory. */
const bodies = new Bodies();
/** Matches the paths of requests that need a tick of this object. */
const OF_TENANTS = /^\/(?:t\/|tenants(?:\/end)?$|keys$)/;
/** The path of growth witnesses' requests. They don't wait for witnesses: the first tick waits for these. */
const GROWTH = "/growth";
/** Milliseconds until the next alarm if work remains. */
const RETRY_MS = 10_000;
/** A tick that is due within this number of milliseconds has a timer, other ticks only the alarm. */
const SOON_MS = 2_000;
/** Milliseconds until the alarm that makes a tick if the object ends before its timer. */
const TIMER_BACKUP_MS = 30_000;
/** Milliseconds that a request waits for its checkpoint. Ticks are at most 20 seconds apart. */
const CHECKPOINT_TIMEOUT_MS = 30_000;

/**
 * A log on top of its WebAssembly module. It accesses storage synchronously, and the platform delays responses and
 * requests to witnesses until earlier writes are durable. Later chunks of a live view aren't delayed by the platform,
 * so they wait for `sync` here.
 */
export abstract class LogObject<Env extends LogEnv = LogEnv> extends DurableObject<Env> {
  readonly #module: WebAssembly.Module;
  #log: Log | undefined;
  #exports: Exports | undefined;
  #tables: Tables | undefined;
  /** The number of the instance that the log belongs to. */
  #instance = 0;
  /** Number of published entries that live views were last notified of. */
  #size = 0;
  #published = deferred();
  #witnessing = false;
  /** Rejects if the bucket belongs to another log; submissions are then rejected. */
  #checked: Promise<void> = Promise.resolve();
  /** When to ask witnesses again. */
  #again = 0;
  /** Resolves when the witnesses have answered whether they know a larger tree than the object had when it woke. */
  #witnessesChecked: Promise<void> = Promise.resolve();
  /** Resolves when a log with tenants has made its first tick, or has failed to. */
  #firstTick: Promise<void> = Promise.resolve();
  /** True until then. No other tick is scheduled: requests wait for the first one until witnesses have cosigned it. */
  #isFirstTickPending = false;
  #tickTimer: ReturnType<typeof setTimeout> | undefined;
  /** When the tick is due that the timer or the alarm is set for, in milliseconds since the epoch. */
  #tickDue: number | undefined;
  readonly #turns = new Turns();

  constructor(module: WebAssembly.Module, ctx: ObjectState, env: Env) {
    super(ctx, env);
    this.#module = module;
  }

  /** Returns the settings of this log, by default from the Worker's environment. Override it in a subclass. */
  protected settings(): LogSettings {
    return settingsOf(this.env, this.ctx.id);
  }

  /** Returns the time in milliseconds since the epoch. */
  protected now(): number {
    return Date.now();
  }

  /** Handles a request. */
  async fetch(request: Request): Promise<Response> {
    try {
      const log = this.#woken();
      const { pathname } = new URL(request.url);
      if (request.method === "POST" && pathname !== GROWTH) {
        await this.#checked;
        await this.#witnessesChecked;
      }
      if (log.needsTick && OF_TENANTS.test(pathname)) {
        await this.#firstTick;
      }
      let answer = await this.#answer(log, request);
      if (answer.kind === "looking") {
        answer = await this.#look(log, answer, request);
      }
      this.#attend(log);
      if (answer.kind === "waiting") {
        answer = await this.#wait(log, answer);
      }
      if (answer.status === 202) {
        // The request is not finished yet.
        await this.#wake(this.now());
      }
      switch (answer.kind) {
        case "pieces":
          return this.#export(log, answer, request);
        case "live":
          return live(answer, request, {
            next: () => this.#guard(() => this.#nextChunk(log, answer)),
            ended: () => this.#ended(log, answer),
          });
        default:
          return whole(answer, request);
      }
    } catch (error) {
      this.#failed(error);
      return unavailable(request, this.#cors());
    }
  }

  /** Returns the origins of pages that may send requests, even if the settings can't be read. */
  #cors(): string {
    try {
      return this.settings().cors;
    } catch {
      return this.env.AUDIT_CORS ?? "";
    }
  }

  /** Makes a tick that is due, continues erasures, makes copies for R2, and asks witnesses again. */
  async alarm(): Promise<void> {
    let more = true;
    // The alarm is no longer set.
    this.#tickDue = undefined;
    try {
      const log = this.#open();
      if (log.nextTick !== undefined) {
        await this.#firstTick;
        await this.#tick(log);
      }
      const erasing = log.eraseSome(this.now());
      this.#tables?.check();
      if (erasing) {
        await this.#wake(this.now());
      }
      const unrecorded = this.#recordReads(log);
      const [rounds, exports] = await Promise.allSettled([this.#rounds(log), this.#exports?.store(log)]);
      if (exports.status === "rejected") {
        this.#failed(exports.reason);
      }
      await this.#copyExports();
      if (rounds.status === "rejected") {
        throw rounds.reason;
      }
      more = rounds.value || unrecorded;
    } catch (error) {
      // The platform retries a failing alarm only a few times.
      this.#failed(error);
    }
    if (more) {
      await this.#wake(this.now() + RETRY_MS);
    }
  }

  /**
   * Makes a tick if it is due, and schedules the next one. A restored log must not sign anything, so the bucket and the
   * witnesses are asked first.
   */
  async #tick(log: Log): Promise<void> {
    await this.#checked;
    await this.#witnessesChecked;
    if (this.#log !== log || this.#instance !== current()) {
      return;
    }
    const hasTried = log.tick(this.now());
    this.#tables?.check();
    if (hasTried) {
      // Also after a failure: requests that waited for the tick have an answer.
      this.#announce(log);
      await this.#witnessNew(log);
    }
    this.#scheduleTick(log);
  }

  /** Makes the first tick of this object. It waits until that tick is due, a second after the last one. */
  async #makeFirstTick(log: Log): Promise<void> {
    const wait = (log.nextTick ?? 0) - this.now();
    this.#isFirstTickPending = true;
    try {
      if (wait > 0) {
        await sleep(Math.min(wait, SOON_MS));
      }
      await this.#tick(log);
    } finally {
      this.#isFirstTickPending = false;
    }
    if (this.#log === log && this.#instance === current()) {
      this.#scheduleTick(log);
    }
  }

  /** Schedules the next tick of a log with tenants. */
  #scheduleTick(log: Log): void {
    const due = log.nextTick;
    if (due === undefined || due === this.#tickDue || this.#isFirstTickPending) {
      return;
    }
    clearTimeout(this.#tickTimer);
    this.#tickDue = due;
    const wait = due - this.now();
    if (wait <= SOON_MS) {
      const tick = () => {
        this.#tickDue = undefined;
        this.#tick(log).catch((error) => this.#failed(error));
      };
      this.#tickTimer = setTimeout(tick, Math.max(wait, 0));
    }
    const alarm = wait <= SOON_MS ? this.#wakeSometime(TIMER_BACKUP_MS) : this.#wake(due);
    alarm.catch((error) => console.error("countersign:", error));
  }

  /** Shows witnesses the newest checkpoint, if they have not seen it. */
  async #witnessNew(log: Log): Promise<void> {
    if (log.hasWitnesses) {
      await this.#witness(log, false);
    }
  }

  /** Records reads that are due. Returns true if that failed. */
  #recordReads(log: Log): boolean {
    try {
      log.recordReads(this.now());
      this.#tables?.check();
      this.#attend(log);
      return false;
    } catch (error) {
      this.#failed(error);
      return true;
    }
  }

  /** Runs witness rounds and copies tiles. Returns true if there is more to do soon. */
  async #rounds(log: Log): Promise<boolean> {
    await this.#checked;
    await this.#witnessesChecked;
    if (log.hasWitnesses) {
      await this.#witness(log, this.now() >= this.#again);
    }
    return this.env.TILES !== undefined && (await this.#copy(log, this.env.TILES));
  }

  async #copy(log: Log, bucket: TileBucket): Promise<boolean> {
    try {
      return await copy(log, bucket);
    } catch (error) {
      if (error instanceof OtherLog) {
        this.#checked = Promise.reject(error);
        this.#checked.catch(() => {});
      }
      throw error;
    }
  }

  #check(log: Log, bucket: TileBucket): void {
    this.#checked = check(log, bucket).catch((error) => {
      if (error instanceof OtherLog) {
        throw error;
      }
      // The log works without the bucket, whose contents are compared with each copy.
      console.error("countersign:", error);
    });
    // Submissions report the error.
    this.#checked.catch(() => {});
  }

  #failed(error: unknown): void {
    console.error("countersign:", error);
    if (isStop(error)) {
      // Unfinished work is only in memory; the next request gets a new object and instance.
      replace();
      this.ctx.abort("the log's WebAssembly crashed");
    }
  }

  async #guard<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  /** Returns the log for a request. After a restart, resumes what an alarm may have left undone. */
  #woken(): Log {
    const rested = this.#log === undefined;
    const log = this.#open();
    if (rested) {
      this.#attendReads(log);
    }
    if (rested && log.isErasing) {
      this.#wake(this.now()).catch((error) => console.error("countersign:", error));
    } else if (rested && (log.hasWitnesses || this.env.TILES !== undefined || this.env.EXPORTS !== undefined)) {
      this.#wakeSometime(RETRY_MS).catch((error) => console.error("countersign:", error));
    }
    return log;
  }

  #open(): Log {
    // Another log of this isolate may have stopped the shared instance.
    if (this.#log === undefined || this.#instance !== current()) {
      begin(this.#module);
      const settings = this.settings();
      const { key, trust, readers, cors, quota, recordReads } = settings;
      const { events, bytes, burst } = quota ?? {};
      const tickMs = tickMsOf(settings);
      const { quota: tenantQuota } = settings.tenants ?? {};
      const maxWaiting = maxWaitingBytesOf(settings);
      must(
        tickMs === undefined || this.env.EXPORTS === undefined,
        undefined,
        "the binding EXPORTS is not supported for a log with tenants",
        "remove the binding",
      );
      this.#exports ??= new Exports(this.ctx.storage, this.env.EXPORTS, this.#turns, () => this.now());
      const tables = new Tables(this.ctx.storage, this.#exports);
      this.#log = undefined;
      try {
        this.#log = new Log(
          tables,
          key,
          trust,
          readers,
          cors,
          events,
          bytes,
          burst,
          recordReads,
          tickMs,
          tenantQuota?.events,
          tenantQuota?.bytes,
          maxWaiting,
          this.now(),
        );
      } finally {
        tables.check();
      }
      this.#tables = tables;
      this.#instance = current();
      this.#size = this.#log.size;
      this.#tickDue = undefined;
      if (this.env.TILES !== undefined) {
        this.#check(this.#log, this.env.TILES);
      }
      if (this.#log.hasWitnesses) {
        this.#witnessesChecked = this.#witness(this.#log, false).catch((error) => this.#failed(error));
      }
      if (tickMs !== undefined) {
        this.#firstTick = this.#makeFirstTick(this.#log).catch((error) => this.#failed(error));
      }
    }
    return this.#log;
  }

  async #answer(log: Log, request: Request): Promise<Answer> {
    const { pathname, search } = new URL(request.url);
    const headers = [...request.headers].flat();
    const limit = log.bodyLimit(request.method, pathname, headers, this.now());
    let refused: Answer | undefined;
    const isRefused = (beginning: Uint8Array) => {
      refused = log.glance(pathname, headers, beginning, this.now());
      return refused !== undefined;
    };
    const read = (limit: number) => this.#turns.first(() => bodies.read(request, limit, isRefused));
    const body = limit === undefined ? new Uint8Array() : await read(limit);
    if (refused !== undefined) {
      return refused;
    }
    if (typeof body === "string") {
      return log.withoutBody(headers, body === "busy");
    }
    const answer = log.answer(request.method, pathname + search, headers, body, this.now());
    this.#tables?.check();
    return answer;
  }

  /** Continues a search in slices. */
  async #look(log: Log, looking: Answer, request: Request): Promise<Answer> {
    try {
      for (;;) {
        await this.#turns.next();
        if (request.signal.aborted) {
          throw new Error("the client disconnected");
        }
        const answer = log.continueSearch(looking, this.now());
        this.#tables?.check();
        if (answer !== undefined) {
          return answer;
        }
      }
    } finally {
      // Freeing objects of another instance would corrupt this one.
      if (this.#log === log && this.#instance === current()) {
        this.#ended(log, looking);
        looking.free();
      }
    }
  }

  /** Ends a response that the client no longer reads. */
  #ended(log: Log, answer: Answer): void {
    if (this.#log === log && this.#instance === current()) {
      log.ended(answer, this.now());
      this.#attendReads(log);
      this.#scheduleTick(log);
    }
  }

  /** Schedules the alarm for recording reads, if they are recorded. */
  #attendReads(log: Log): void {
    const due = log.readsDue;
    if (due !== undefined) {
      this.#wake(due).catch((error) => console.error("countersign:", error));
    }
  }

  /** Follows up on a request: witnesses, and new entries. */
  #attend(log: Log): void {
    this.#attendReads(log);
    this.#scheduleTick(log);
    this.#witnessNew(log).catch((error) => this.#failed(error));
    if (log.size > this.#size) {
      this.#announce(log);
    }
  }

  #announce(log: Log): void {
    const full = Math.floor(log.size / 256) > Math.floor(this.#size / 256);
    this.#size = log.size;
    this.#published.resolve();
    this.#published = deferred();
    if (full && this.env.TILES !== undefined) {
      this.#wake(this.now()).catch((error) => console.error("countersign:", error));
    }
    this.#copyExports().catch((error) => console.error("countersign:", error));
  }

  /** Schedules the alarm for copies of exports, if there is work. */
  async #copyExports(): Promise<void> {
    const due = this.#exports?.due(this.#size);
    if (due !== undefined) {
      await this.#wake(due);
    }
  }

  /** Returns an export. One of the whole log uses copies, if there are any. */
  #export(log: Log, answer: Answer, request: Request): Response {
    const size = answer.wholeLog;
    if (this.env.EXPORTS === undefined || this.#exports === undefined || size === undefined) {
      const next = async () => {
        await this.#turns.next();
        return log.piece(answer, undefined, this.now());
      };
      return pieces(answer, request, { next: () => this.#guard(next), ended: () => this.#ended(log, answer) });
    }
    const source = this.#exports.pieces(log, answer, size);
    return pieces(answer, request, {
      next: () => this.#guard(async () => (await source.next()).value),
      ended: () => {
        source.return(undefined).catch(() => {});
        this.#ended(log, answer);
        this.#copyExports().catch((error) => console.error("countersign:", error));
      },
    });
  }

  /** Returns the response to a request, after its tick, and after its witnesses responded or their time was over. */
  async #wait(log: Log, waiting: Answer): Promise<Answer> {
    const end = this.now() + CHECKPOINT_TIMEOUT_MS;
    for (let late = false; ; ) {
      const answer = log.resume(waiting, late, this.now());
      this.#tables?.check();
      if (answer !== undefined) {
        waiting.free();
        return answer;
      }
      late = !(await settlesWithin(Math.max(end - this.now(), 0), this.#published.promise));
    }
  }

  /** Returns the next chunk of a live view once there is one. */
  async #nextChunk(log: Log, view: Answer): Promise<Uint8Array | undefined> {
    // The ticks of other tenants must not defer the end of the wait.
    const end = this.now() + Log.quiet;
    for (let isIdle = false; ; ) {
      const published = this.#published.promise;
      await this.#turns.next();
      const step = log.nextStep(view, isIdle, this.now());
      if (step !== true) {
        await this.ctx.storage.sync();
        return step;
      }
      if (isIdle) {
        return Log.quietText;
      }
      const left = end - this.now();
      isIdle = left <= 0 || !(await settlesWithin(left, published));
      if (!isIdle) {
        await sleep(Log.gather);
      }
    }
  }

  async #witness(log: Log, again: boolean): Promise<void> {
    if (this.#witnessing) {
      return;
    }
    this.#witnessing = true;
    try {
      for (let round = log.round(again, this.now()); round !== undefined; round = log.round(false, this.now())) {
        this.#again = this.now() + Log.again;
        await gather(log, round, () => this.now());
        this.#again = this.now() + log.publish(round, this.now());
        this.#tables?.check();
        this.#announce(log);
      }
    } finally {
      this.#witnessing = false;
      if (this.#again > 0) {
        await this.#wake(this.#again);
      }
    }
  }

  /** Schedules the alarm, unless there is one. */
  async #wakeSometime(wait: number): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) === null) {
      await this.ctx.storage.setAlarm(this.now() + wait);
    }
  }

  async #wake(time: number): Promise<void> {
    const set = await this.ctx.storage.getAlarm();
    if (set === null || set > time) {
      await this.ctx.storage.setAlarm(time);
    }
  }
}
