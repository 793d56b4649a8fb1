/** Recording in one invocation of a Worker, which ends when it has answered and what it left with `waitUntil` is done. */

import { field } from "../own.js";
import { deferred } from "../promises.js";
import type { Audit } from "../record/audit.js";
import type { AuditEvent } from "../record/event.js";
import { PATIENCE } from "../record/flush-scheduler.js";
import type { Handle, Receipt } from "../record/handle.js";
import type { RecorderOptions } from "../record/options.js";
import type { FlushOptions, Otherwise, Recorder, Status } from "../record/recorder.js";
import { Scopable } from "../record/scope.js";

/** What is needed of a handler's `ctx`. */
export interface WaitingContext {
  waitUntil(promise: Promise<unknown>): void;
}

/** After so many events a flush begins though the handler goes on. */
const MANY = 64;

/** The same recorder for all, with a promise of each invocation's own that it is flushed. */
export class Invocation extends Scopable implements Audit {
  readonly #recorder: Recorder;
  readonly #context: WaitingContext | undefined;
  readonly #ended = deferred();
  #recorded = 0;
  /** The end of the flush that the handler asked for last. */
  #asked: Promise<void> | undefined;
  /** Whether a flush is to come that covers what is recorded now. */
  #promised = false;

  constructor(recorder: Recorder, context: WaitingContext | undefined) {
    super();
    this.#recorder = recorder;
    this.#context = context;
  }

  record(event: AuditEvent, otherwise?: Otherwise): Handle {
    return this.#recordedAs(this.#recorder.record(event, otherwise));
  }

  recordJson(json: string | Uint8Array): Handle {
    return this.#recordedAs(this.#recorder.recordJson(json));
  }

  async flush(options?: FlushOptions): Promise<void> {
    const flush = this.#recorder.flush(options);
    // One that goes on for longer is not waited for.
    if (Number(field(options, "retryForMs") ?? 0) <= PATIENCE) {
      this.#asked = flush.catch(() => {});
    }
    return flush;
  }

  status(): Status {
    return this.#recorder.status();
  }

  /**
   * Looks after what this invocation records, and what others left. From its beginning, so that it goes on when its
   * client goes away: what it has done by then is recorded.
   */
  begin(): void {
    this.#promise(this.#ended.promise);
  }

  /** The handler is done. */
  end(): void {
    this.#ended.resolve();
  }

  #recordedAs(handle: Handle): Handle {
    this.#recorded += 1;
    if (this.#recorded % MANY === 0) {
      this.#context?.waitUntil(this.#flush());
    } else {
      this.#promise(this.#ended.promise);
    }
    return {
      stored: () => handle.stored(),
      delivered: () => this.#delivered(handle),
    };
  }

  /** Nobody else's flush can be waited for: its context may end. */
  async #delivered(handle: Handle): Promise<Receipt> {
    const delivered = handle.delivered();
    // A flush that fails with what came after may have delivered this.
    const failed = this.#recorder.flush({ retryForMs: PATIENCE }).then(
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
    const until = performance.now() + PATIENCE;
    if (this.#recorder.waiting > 0) {
      // The answer goes first: what a flush does at once would hold it up.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    // As long as that goes on, another would look again and again whether it is its turn.
    await this.#asked;
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

/** Remembers it for as long as there is the context. */
export function remember(context: unknown, audit: Audit): void {
  if (typeof context === "object" && context !== null) {
    audits.set(context, audit);
  }
}

/**
 * The recorder of the invocation with that `ctx`, for code that a framework calls without the handler's last argument.
 * There is one only within what `withCountersign` wraps.
 */
export function auditOf(context: object): Audit | undefined {
  return audits.get(context);
}

/** Whether this runs in Cloudflare Workers, where nothing outlives a request but what it left with `waitUntil`. */
export function isWorker(): boolean {
  return globalThis.navigator?.userAgent === "Cloudflare-Workers";
}

/** The options of a recorder that an isolate's requests have in common: timers end with the request that set them. */
export function inIsolate(options: RecorderOptions): RecorderOptions {
  return { ...options, autoFlush: false };
}
