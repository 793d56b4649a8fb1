/** A log that is a Durable Object. */

import { DurableObject } from "cloudflare:workers";
import { deferred } from "@countersign/shared/promises.js";
import { comesWithin, sleep } from "@countersign/shared/timers.js";
import { Bodies } from "./body.js";
import { check, copy, OtherLog } from "./copies.js";
import { Exports } from "./exports.js";
import { begin, current, isStop, replace } from "./instance.js";
import type { LogEnv, ObjectState, TileBucket } from "./platform.js";
import { live, pieces, unavailable, whole } from "./responses.js";
import { type LogSettings, settingsOf } from "./settings.js";
import { Tables } from "./storage.js";
import { Turns } from "./turns.js";
import { type Answer, Log } from "./wasm/log.js";
import { gather } from "./witnesses.js";

/** The bodies that are read for all logs of the isolate, which have its memory together. */
const bodies = new Bodies();
/** When an alarm that left something undone comes again. */
const AGAIN = 10_000;
/** How long a submission waits for its checkpoint. */
const PATIENCE = 30_000;

/**
 * The log, over its WebAssembly. What it does with its storage is done at once, and the platform lets no answer begin and
 * no question to a witness out before what was written until then is durable. What a live view goes on with, it lets out at
 * any time: that waits here.
 */
export abstract class LogObject<Env extends LogEnv = LogEnv> extends DurableObject<Env> {
  readonly #module: WebAssembly.Module;
  #log: Log | undefined;
  #exports: Exports | undefined;
  #tables: Tables | undefined;
  /** The instance that the log is in. */
  #instance = 0;
  /** How many leaves are published, as far as that was told. */
  #size = 0;
  #published = deferred();
  #witnessing = false;
  /** Fails when the bucket knows another log than this one, which then takes nothing. */
  #checked: Promise<void> = Promise.resolve();
  /** When witnesses are to be asked again. */
  #again = 0;
  /** Comes about when witnesses were asked whether they have seen more than was here when the object woke. */
  #looked: Promise<void> = Promise.resolve();
  readonly #turns = new Turns();

  constructor(module: WebAssembly.Module, ctx: ObjectState, env: Env) {
    super(ctx, env);
    this.#module = module;
  }

  /** What this log is to be. The Worker's environment says so, unless a class that extends this one does. */
  protected settings(): LogSettings {
    return settingsOf(this.env, this.ctx.id);
  }

  /** The time in milliseconds. */
  protected now(): number {
    return Date.now();
  }

  /** Answers a request. */
  async fetch(request: Request): Promise<Response> {
    try {
      const log = this.#woken();
      if (request.method === "POST") {
        await this.#checked;
        await this.#looked;
      }
      let answer = await this.#answer(log, request);
      if (answer.kind === "looking") {
        answer = await this.#look(log, answer, request);
      }
      this.#attend(log);
      if (answer.status === 202) {
        // What was asked to be erased is not erased to its end yet.
        await this.#wake(this.now());
      }
      switch (answer.kind) {
        case "waiting":
          return whole(await this.#wait(log, answer), request);
        case "pieces":
          return this.#export(log, answer, request);
        case "live":
          return live(answer, request, {
            next: () => this.#guard(() => this.#further(log, answer)),
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

  /** The origins of pages that may ask, as far as that can be read. */
  #cors(): string {
    try {
      return this.settings().cors;
    } catch {
      return this.env.AUDIT_CORS ?? "";
    }
  }

  /** Goes on with erasures, copies what can be read without this object or its effort, and asks witnesses again. */
  async alarm(): Promise<void> {
    let more = true;
    try {
      const log = this.#open();
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
      // An alarm that fails is tried a few times, and then never again.
      this.#failed(error);
    }
    if (more) {
      await this.#wake(this.now() + AGAIN);
    }
  }

  /** Records who read what, when it is time. Says whether that failed. */
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

  /** Says whether there is more to do soon. */
  async #rounds(log: Log): Promise<boolean> {
    await this.#checked;
    await this.#looked;
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
      // Without the bucket the log goes on: what is in it is compared with each copy.
      console.error("countersign:", error);
    });
    // Whoever submits hears of it.
    this.#checked.catch(() => {});
  }

  #failed(error: unknown): void {
    console.error("countersign:", error);
    if (isStop(error)) {
      // What is half done is in memory alone: the next request finds another object, and another instance.
      replace();
      this.ctx.abort("the log's WebAssembly stopped");
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

  /** The log, as a request finds it: when it rested, what an alarm may have left undone is seen to. */
  #woken(): Log {
    const rested = this.#log === undefined;
    const log = this.#open();
    if (rested) {
      this.#attendReads(log);
    }
    if (rested && log.isErasing) {
      this.#wake(this.now()).catch((error) => console.error("countersign:", error));
    } else if (rested && (log.hasWitnesses || this.env.TILES !== undefined || this.env.EXPORTS !== undefined)) {
      this.#wakeSometime().catch((error) => console.error("countersign:", error));
    }
    return log;
  }

  #open(): Log {
    // Another log of this isolate may have stopped the instance that this one was in.
    if (this.#log === undefined || this.#instance !== current()) {
      begin(this.#module);
      const { key, trust, readers, cors, quota, recordReads } = this.settings();
      const { events, bytes, burst } = quota ?? {};
      this.#exports ??= new Exports(this.ctx.storage, this.env.EXPORTS, this.#turns, () => this.now());
      const tables = new Tables(this.ctx.storage, this.#exports);
      this.#log = undefined;
      try {
        this.#log = new Log(tables, key, trust, readers, cors, events, bytes, burst, recordReads, this.now());
      } finally {
        tables.check();
      }
      this.#tables = tables;
      this.#instance = current();
      this.#size = this.#log.size;
      if (this.env.TILES !== undefined) {
        this.#check(this.#log, this.env.TILES);
      }
      if (this.#log.hasWitnesses) {
        this.#looked = this.#witness(this.#log, false).catch((error) => this.#failed(error));
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

  /** Goes on with what is being looked for, a turn at a time. */
  async #look(log: Log, looking: Answer, request: Request): Promise<Answer> {
    try {
      for (;;) {
        await this.#turns.next();
        if (request.signal.aborted) {
          throw new Error("nobody waits for it any more");
        }
        const answer = log.look(looking, this.now());
        this.#tables?.check();
        if (answer !== undefined) {
          return answer;
        }
      }
    } finally {
      // Freeing what was made in another instance would harm this one.
      if (this.#log === log && this.#instance === current()) {
        this.#ended(log, looking);
        looking.free();
      }
    }
  }

  /** Nobody takes more of an answer. */
  #ended(log: Log, answer: Answer): void {
    if (this.#log === log && this.#instance === current()) {
      log.ended(answer, this.now());
      this.#attendReads(log);
    }
  }

  /** Has the alarm record who reads, where that is to be recorded. */
  #attendReads(log: Log): void {
    const due = log.readsDue;
    if (due !== undefined) {
      this.#wake(due).catch((error) => console.error("countersign:", error));
    }
  }

  /** Sees to what a request brought with it. */
  #attend(log: Log): void {
    this.#attendReads(log);
    if (log.hasWitnesses) {
      this.#witness(log, false).catch((error) => this.#failed(error));
    }
    if (log.size > this.#size) {
      this.#tell(log);
    }
  }

  #tell(log: Log): void {
    const full = Math.floor(log.size / 256) > Math.floor(this.#size / 256);
    this.#size = log.size;
    this.#published.resolve();
    this.#published = deferred();
    if (full && this.env.TILES !== undefined) {
      this.#wake(this.now()).catch((error) => console.error("countersign:", error));
    }
    this.#copyExports().catch((error) => console.error("countersign:", error));
  }

  /** Has the alarm see to copies of exports, when there is something to do. */
  async #copyExports(): Promise<void> {
    const due = this.#exports?.due(this.#size);
    if (due !== undefined) {
      await this.#wake(due);
    }
  }

  /** An export. One of the whole log comes out of copies, where there are some. */
  #export(log: Log, answer: Answer, request: Request): Response {
    const size = answer.wholeLog;
    if (this.env.EXPORTS === undefined || this.#exports === undefined || size === undefined) {
      const next = async () => {
        await this.#turns.next();
        return log.piece(answer, undefined, this.now());
      };
      return pieces(answer, request, { next: () => this.#guard(next), ended: () => this.#ended(log, answer) });
    }
    const made = this.#exports.pieces(log, answer, size);
    return pieces(answer, request, {
      next: () => this.#guard(async () => (await made.next()).value),
      ended: () => {
        made.return(undefined).catch(() => {});
        this.#ended(log, answer);
        this.#copyExports().catch((error) => console.error("countersign:", error));
      },
    });
  }

  /** The answer to a submission, when witnesses had their time for it. */
  async #wait(log: Log, waiting: Answer): Promise<Answer> {
    const end = this.now() + PATIENCE;
    for (let late = false; ; ) {
      const answer = log.resume(waiting, late);
      if (answer !== undefined) {
        waiting.free();
        return answer;
      }
      late = !(await comesWithin(Math.max(end - this.now(), 0), this.#published.promise));
    }
  }

  /** What a live view goes on with, when there is something. */
  async #further(log: Log, view: Answer): Promise<Uint8Array | undefined> {
    for (let told = true; ; ) {
      const published = this.#published.promise;
      await this.#turns.next();
      const further = log.further(view, this.now());
      if (further !== true) {
        await this.ctx.storage.sync();
        return further;
      }
      if (!told) {
        return Log.quietText;
      }
      told = await comesWithin(Log.quiet, published);
      if (told) {
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
        this.#tell(log);
      }
    } finally {
      this.#witnessing = false;
      if (this.#again > 0) {
        await this.#wake(this.#again);
      }
    }
  }

  async #wakeSometime(): Promise<void> {
    if ((await this.ctx.storage.getAlarm()) === null) {
      await this.ctx.storage.setAlarm(this.now() + AGAIN);
    }
  }

  async #wake(time: number): Promise<void> {
    const set = await this.ctx.storage.getAlarm();
    if (set === null || set > time) {
      await this.ctx.storage.setAlarm(time);
    }
  }
}
