/**
 * One pipeline for all recorders of a program that have the same outbox. Bundlers may give parts of a program, such as
 * the route handlers and the server actions of Next.js, separate copies of a module, and so several recorders.
 */

import { requestScope } from "../context/request.js";
import { CountersignError, callOnError } from "../error.js";
import { isReloading } from "../outbox/recorder-outbox.js";
import { VERSION } from "../version.js";
import type { FlushOptions, Status } from "./audit.js";
import type { AuditEvent } from "./event.js";
import type { EventPipeline } from "./event-pipeline.js";
import { type Handle, invalidHandle } from "./handle.js";
import { type EventProblem, Intake, textOf } from "./intake.js";
import type { Dropped, LossReason } from "./lost-events.js";
import type { Settings } from "./options.js";
import { completed, completedText } from "./scope.js";
import type { KeyHandle, Signer } from "./signer.js";

/** Milliseconds since the epoch. */
type Now = () => number;

/** A pipeline and the recorders that use it. */
interface SharedPipeline {
  readonly pipeline: EventPipeline;
  /** The settings of the recorder that opened the outbox. */
  readonly settings: Settings;
  readonly members: Set<Member>;
  /** The clock of the recorder that is moving its waiting events to the pipeline. */
  now: Now | undefined;
  /** Keeps later recorders from joining. */
  forget(): void;
}

/** Shared by all copies of this version of the package, by the outbox's key. */
const SHARED = Symbol.for(`countersign.pipelines.${VERSION}`);

function sharedPipelines(): Map<string, Promise<SharedPipeline>> {
  const shared = globalThis as { [SHARED]?: Map<string, Promise<SharedPipeline>> };
  shared[SHARED] ??= new Map();
  return shared[SHARED];
}

/**
 * Joins the pipeline that another recorder of this program has for the outbox, or opens one. Throws `outbox.in_use` if
 * the other recorder has other options. In development, the new recorder takes over the outbox instead, because its
 * module may have changed.
 */
export async function joinOrOpen(
  settings: Settings,
  now: Now,
  open: (now: Now) => Promise<EventPipeline>,
): Promise<EventPipeline> {
  const key = settings.outbox?.key;
  if (key === undefined || isReloading()) {
    return open(now);
  }
  const all = sharedPipelines();
  for (let opening = all.get(key); opening !== undefined; opening = all.get(key)) {
    const shared = await opening.catch(() => undefined);
    if (shared !== undefined && all.get(key) === opening) {
      refuseOtherOptions(shared.settings, settings);
      return new Member(shared, settings, now);
    }
  }
  const forget = () => {
    if (all.get(key) === opening) {
      all.delete(key);
    }
  };
  const opening = openShared(settings, now, open, forget);
  all.set(key, opening);
  try {
    return new Member(await opening, settings, now);
  } catch (error) {
    forget();
    throw error;
  }
}

async function openShared(
  settings: Settings,
  now: Now,
  open: (now: Now) => Promise<EventPipeline>,
  forget: () => void,
): Promise<SharedPipeline> {
  const clock: { now: Now | undefined } = { now: undefined };
  const pipeline = await open(() => (clock.now ?? now)());
  return Object.assign(clock, { pipeline, settings, members: new Set<Member>(), forget });
}

/** One recorder's view of a shared pipeline. The pipeline is closed with its last member. */
class Member implements EventPipeline {
  readonly #shared: SharedPipeline;
  readonly #settings: Settings;
  readonly #now: Now;
  /** Undefined if the pipeline has the same settings. */
  readonly #intake: Intake | undefined;

  constructor(shared: SharedPipeline, settings: Settings, now: Now) {
    this.#shared = shared;
    this.#settings = settings;
    this.#now = now;
    this.#intake = settings === shared.settings ? undefined : new Intake(settings);
    shared.members.add(this);
  }

  get #pipeline(): EventPipeline {
    return this.#shared.pipeline;
  }

  /** The pipeline, for work that a closed recorder refuses. */
  get #open(): EventPipeline {
    const { members, pipeline } = this.#shared;
    // The pipeline itself refuses work after its last member.
    if (members.size > 0 && !members.has(this)) {
      throw new CountersignError("recorder.out_of_turn", "the recorder is closed", { hint: "create a new one" });
    }
    return pipeline;
  }

  get origin(): string {
    return this.#pipeline.origin;
  }

  get chain(): string | undefined {
    return this.#pipeline.chain;
  }

  get queued(): number {
    return this.#pipeline.queued;
  }

  get waiting(): number {
    return this.#pipeline.waiting;
  }

  record(event: AuditEvent): Handle {
    return this.recordRead(completed(event, requestScope()), []);
  }

  recordRead(event: AuditEvent, problems: readonly EventProblem[]): Handle {
    const [pipeline, intake] = [this.#open, this.#intake];
    if (intake === undefined) {
      return pipeline.recordRead(event, problems);
    }
    // The pipeline only knows the functions of the recorder that opened it.
    return this.#reporting(() => intake.record(event, (json, found) => pipeline.recordText(json, found), problems));
  }

  recordText(json: string, problems: readonly EventProblem[]): Handle {
    return this.#open.recordText(json, problems);
  }

  recordJson(json: string | Uint8Array): Handle {
    const pipeline = this.#open;
    if (this.#intake === undefined) {
      return pipeline.recordJson(json);
    }
    return this.#reporting(() => {
      const text = textOf(completedText(json, requestScope()));
      this.#settings.events?.checkJson(text);
      return pipeline.recordJson(text);
    });
  }

  /** With `onInvalid: "report"`, reports an invalid event and records `countersign.dropped` for it. */
  #reporting(record: () => Handle): Handle {
    try {
      return record();
    } catch (cause) {
      const { reports, onError } = this.#settings;
      if (!reports || !(cause instanceof CountersignError) || cause.code !== "event.invalid") {
        throw cause;
      }
      callOnError(onError, cause);
      this.#pipeline.recordInvalid(cause);
      return invalidHandle(cause);
    }
  }

  catchUp(work: () => void): void {
    this.#shared.now = this.#now;
    try {
      this.#pipeline.catchUp(work);
    } finally {
      this.#shared.now = undefined;
    }
  }

  drop(dropped: Dropped, reason: LossReason): void {
    this.#pipeline.drop(dropped, reason);
  }

  recordInvalid(error: CountersignError): void {
    this.#pipeline.recordInvalid(error);
  }

  flushSoon(): void {
    this.#pipeline.flushSoon();
  }

  async flush(options?: FlushOptions): Promise<void> {
    return this.#pipeline.flush(options);
  }

  status(): Status {
    return this.#pipeline.status();
  }

  async rotate(key: string | KeyHandle | Signer, options?: FlushOptions): Promise<void> {
    return this.#open.rotate(key, options);
  }

  async close(options?: FlushOptions): Promise<void> {
    return this.#leave() ? this.#pipeline.close(options) : this.#pipeline.flush(options);
  }

  discard(): void {
    if (this.#leave()) {
      this.#pipeline.discard();
    }
  }

  /** Leaves the pipeline. Returns true if no recorder is left. */
  #leave(): boolean {
    const { members, forget } = this.#shared;
    members.delete(this);
    if (members.size > 0) {
      return false;
    }
    forget();
    return true;
  }
}

/**
 * Throws if two recorders can't share a pipeline. `beforeRecord`, `events`, and `service` may differ, because each
 * recorder applies its own. Other functions can't be compared: copies of a module have different ones.
 */
function refuseOtherOptions(first: Settings, second: Settings): void {
  const [before, now] = [comparable(first), comparable(second)];
  const names = Object.keys(before).filter((name) => before[name] !== now[name]);
  if (names.length > 0) {
    const message = `another recorder of this program uses this outbox with other options (${names.join(", ")})`;
    throw new CountersignError("outbox.in_use", message, {
      hint: "pass the same options, with which recorders share an outbox, or give each recorder its own path",
    });
  }
}

/** Returns values that are equal for recorders which can share a pipeline. */
function comparable(settings: Settings): Readonly<Record<string, unknown>> {
  const { to, key, tenants, autoFlush, redact, pathShapes, reports, maxWaitingBytes, drops, timeoutMs, waits } =
    settings;
  const lookup = tenants?.lookup;
  return {
    key: typeof key === "string" ? key.trim() : key.vkey,
    to: "transport" in to ? to.transport : to.logServer.submit,
    log: "transport" in to ? undefined : to.log.trim(),
    origin: "transport" in to ? to.origin : undefined,
    tenants: typeof lookup === "function" ? "a function" : JSON.stringify(lookup),
    defaultTenant: tenants?.defaultTenant,
    autoFlush: JSON.stringify(autoFlush),
    redact: JSON.stringify(redact),
    pathShapes,
    onInvalid: reports,
    onFull: drops,
    maxWaitingBytes,
    timeoutMs,
    retry: JSON.stringify(waits),
  };
}
