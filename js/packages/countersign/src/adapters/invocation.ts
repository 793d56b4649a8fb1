/** Recording in one invocation of a Worker, which ends after its response and its `waitUntil` work. */

import { field } from "../own.js";
import { deferred } from "../promises.js";
import type { Audit } from "../record/audit.js";
import type { AuditEvent } from "../record/event.js";
import { toEvent } from "../record/fields.js";
import { MAX_CONTEXT_MS } from "../record/flush-scheduler.js";
import type { Handle, Receipt } from "../record/handle.js";
import type { RecorderOptions } from "../record/options.js";
import type { FlushOptions, Recorder, RejectedListener, Status } from "../record/recorder.js";
import { Scopable } from "../record/scope.js";

/** The parts of a handler's `ctx` that are used. */
export interface WaitingContext {
  waitUntil(promise: Promise<unknown>): void;
}

/** Number of events after which a flush starts while the handler is still running. */
const FLUSH_EVERY = 64;

/** One invocation's view of a shared recorder, with a flush of its own. */
export class Invocation extends Scopable implements Audit {
  readonly #recorder: Recorder;
  readonly #context: WaitingContext | undefined;
  readonly #ended = deferred();
  #recorded = 0;
  /** The end of the last flush that the handler requested. */
  #requested: Promise<void> | undefined;
  /** True if an upcoming flush covers events recorded now. */
  #promised = false;

  constructor(recorder: Recorder, context: WaitingContext | undefined) {
    super();
    this.#recorder = recorder;
    this.#context = context;
  }

  record(event: unknown, second?: unknown): Handle {
    const onRejected = typeof event === "string" ? undefined : (second as RejectedListener | undefined);
    return this.#recordedAs(this.#recorder.record(toEvent(event, second) as AuditEvent, onRejected));
  }

  recordJson(json: string | Uint8Array): Handle {
    return this.#recordedAs(this.#recorder.recordJson(json));
  }

  async flush(options?: FlushOptions): Promise<void> {
    const flush = this.#recorder.flush(options);
    // A longer flush isn't awaited.
    if (Number(field(options, "retryForMs") ?? 0) <= MAX_CONTEXT_MS) {
      this.#requested = flush.catch(() => {});
    }
    return flush;
  }

  status(): Status {
    return this.#recorder.status();
  }

  /**
   * Promises a flush of this invocation's events, and of earlier ones. Called at the start so that events are recorded
   * even if the client disconnects.
   */
  begin(): void {
    this.#promise(this.#ended.promise);
  }

  /** Called when the handler is done. */
  end(): void {
    this.#ended.resolve();
  }

  #recordedAs(handle: Handle): Handle {
    this.#recorded += 1;
    if (this.#recorded % FLUSH_EVERY === 0) {
      this.#context?.waitUntil(this.#flush());
    } else {
      this.#promise(this.#ended.promise);
    }
    return this.#inContext(handle);
  }

  /** Returns the handle, also of each copy, with deliveries by this invocation. */
  #inContext(handle: Handle): Handle {
    const { tenants } = handle;
    return {
      stored: () => handle.stored(),
      delivered: () => this.#delivered(handle),
      tenants: tenants && new Map(Array.from(tenants, ([tenant, copy]) => [tenant, this.#inContext(copy)])),
    };
  }

  /** Awaits delivery by a flush of this invocation, because the context of another one may end. */
  async #delivered(handle: Handle): Promise<Receipt> {
    const delivered = handle.delivered();
    // A flush that fails because of later events may have delivered this one.
    const failed = this.#recorder.flush({ retryForMs: MAX_CONTEXT_MS }).then(
      () => delivered,
      (error) => Promise.race([delivered, Promise.reject(error)]),
    );
    return Promise.race([delivered, failed]);
  }

  #promise(moment: Promise<void>): void {
    if (!this.#promised) {
      this.#promised = true;
      this.#context?.waitUntil(moment.then(() => this.#flush()));
    }
  }

  async #flush(): Promise<void> {
    const until = performance.now() + MAX_CONTEXT_MS;
    if (this.#recorder.waiting > 0) {
      // Lets the response go first, which the synchronous part of a flush would delay.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    // Until then, another flush would only poll for its turn.
    await this.#requested;
    this.#promised = false;
    if (this.#recorder.waiting === 0) {
      return;
    }
    try {
      const left = Math.max(0, until - performance.now());
      await this.#recorder.flush({ retryForMs: this.#recorded > 0 ? left : 0 });
    } catch (error) {
      this.#recorder.report(error);
    }
  }
}

const audits = new WeakMap<object, Audit>();

/** Associates a recorder with a context for the context's lifetime. */
export function remember(context: unknown, audit: Audit): void {
  if (typeof context === "object" && context !== null) {
    audits.set(context, audit);
  }
}

/**
 * Returns the recorder of the invocation with this `ctx`, for code that a framework calls without the handler's last
 * argument. Undefined outside of handlers wrapped by `withCountersign`.
 */
export function auditOf(context: object): Audit | undefined {
  return audits.get(context);
}

/** True in Cloudflare Workers, where only `waitUntil` work outlives a request. */
export function isWorker(): boolean {
  return globalThis.navigator?.userAgent === "Cloudflare-Workers";
}

/** Returns options for a recorder shared by an isolate's requests, whose timers end with the request that set them. */
export function inIsolate(options: RecorderOptions): RecorderOptions {
  return { ...options, autoFlush: false };
}
