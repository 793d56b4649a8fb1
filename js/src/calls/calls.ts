/** One typed call between a page and its workers, and among workers: either side asks, and the answer is a promise. */

import { CountersignError, type ErrorCode, type PlainError, plainError } from "../error.js";
import { type Deferred, deferred } from "../promises.js";

/** A port to whoever is on the other side: a `Worker`, its global scope, Node's `parentPort`, a `MessagePort`. */
export interface Port {
  postMessage(message: unknown, transfer: Movable[]): void;
  onmessage: ((event: MessageEvent) => unknown) | null;
}

/** What can be moved with a message, in place of being copied. */
export type Movable = ArrayBuffer | MovablePort;

/** A `MessagePort`, which not all of Node.js's types give a name. */
export type MovablePort = InstanceType<typeof MessagePort>;

/** What the other side can be asked for. */
export type Remote<Theirs> = {
  readonly [Name in keyof Theirs]: Theirs[Name] extends (...given: infer Given) => infer Result
    ? (...given: Given) => Promise<Awaited<Result>>
    : never;
};

/** A question, or the answer to one. */
interface Message {
  readonly id: number;
  readonly call?: string;
  readonly given?: readonly unknown[];
  readonly value?: unknown;
  readonly error?: PlainError;
}

/** As much of a `Worker` as is needed; other kinds of threads can be made to look like it. */
export interface WorkerLike {
  postMessage(message: unknown, transfer: Movable[]): void;
  terminate(): void;
  onmessage: ((event: MessageEvent) => unknown) | null;
  // A method's type: a `Worker` is one of these too, though its handlers take an `ErrorEvent`.
  onerror: { handle(event: WorkerFailure): unknown }["handle"] | null;
  onmessageerror: ((event: MessageEvent) => unknown) | null;
}

/** As much as is needed of the event that says how a worker failed by itself. */
export interface WorkerFailure {
  readonly message?: string;
  readonly error?: unknown;
  preventDefault?(): void;
}

/** Ends a worker, of which nothing more is heard. */
function end(worker: WorkerLike): void {
  worker.onmessage = null;
  worker.onerror = null;
  worker.terminate();
}

/** What can be done about a worker that failed. */
const FAILED = "it may have been out of memory; if it happens again with the same file, please report it";

const moves = new WeakMap<object, Movable[]>();

/** Has a value that is given or answered take these along: they are moved, and gone here. */
export function moving<T extends object>(value: T, ...what: (Uint8Array | Movable)[]): T {
  const movable = what.map((one) => (one instanceof Uint8Array ? (one.buffer as ArrayBuffer) : one));
  moves.set(value, [...new Set(movable)]);
  return value;
}

/** No number is used again: a worker that is kept may still answer what was asked of it before. */
let calls = 0;

/** Answers the other side with `ours`, and gives what asks it. What was asked of a worker that ended is never answered. */
export function connect<Theirs extends object>(port: Port, ours: object): Remote<Theirs> {
  const asked = new Map<number, Deferred<unknown>>();
  const post = (message: Message, values: readonly unknown[]) =>
    port.postMessage(
      message,
      values.flatMap((value) => moves.get(value as object) ?? []),
    );
  const answer = async (id: number, call: string, given: readonly unknown[] = []) => {
    try {
      const value = await (ours as Record<string, (...given: readonly unknown[]) => unknown>)[call]?.(...given);
      post({ id, value }, [value]);
    } catch (error) {
      post({ id, error: plainError(error) }, []);
    }
  };
  port.onmessage = ({ data }) => {
    const { id, call, given, value, error } = data as Message;
    if (call !== undefined) {
      void answer(id, call, given);
      return;
    }
    const question = asked.get(id);
    asked.delete(id);
    if (error === undefined) {
      question?.resolve(value);
    } else {
      question?.reject(crossed(error));
    }
  };
  const ask = (call: string, given: readonly unknown[]): Promise<unknown> => {
    const id = calls++;
    const question = deferred<unknown>();
    asked.set(id, question);
    post({ id, call, given }, given);
    return question.promise;
  };
  const target = {} as Remote<Theirs>;
  return new Proxy(target, {
    get:
      (_, call) =>
      (...given: readonly unknown[]) =>
        ask(String(call), given),
  });
}

/** The error that the core threw, or else one that says that the work itself failed. */
export function crossed({ code, message, hint, line, member }: PlainError): CountersignError {
  return code === undefined
    ? new CountersignError("worker.failed", `the verifier failed: ${message}`, { hint: FAILED })
    : new CountersignError(code as ErrorCode, message, { hint, line, member });
}

/** Workers that are asked until they are ended, or until one of them fails: what cannot be answered any more rejects. */
export class WorkerGroup {
  readonly #failed: (message: string, cause: unknown) => Error;
  readonly #workers: WorkerLike[] = [];
  readonly #pending = new Set<Deferred<never>>();
  #over: { readonly reason: unknown } | undefined;

  /** `failed` says what it means when one fails by itself. */
  constructor(failed: (message: string, cause: unknown) => Error = workerFailed) {
    this.#failed = failed;
  }

  /** Takes one in, and gives what asks it. */
  add<Theirs extends object>(worker: WorkerLike, ours: object = {}): Remote<Theirs> {
    worker.onmessageerror = () => this.end(this.#failed("a message could not be read", undefined));
    worker.onerror = (event) => {
      event.preventDefault?.();
      this.end(this.#failed(event.message ?? "it did not start", event.error));
    };
    this.#workers.push(worker);
    return connect<Theirs>(worker, ours);
  }

  /** What some of them are asked for. */
  ask<T>(work: () => Promise<T>): Promise<T> {
    if (this.#over !== undefined) {
      return Promise.reject(this.#over.reason);
    }
    const answered = deferred<T>();
    this.#pending.add(answered as Deferred<never>);
    work()
      .then(answered.resolve, answered.reject)
      .finally(() => this.#pending.delete(answered as Deferred<never>));
    return answered.promise;
  }

  /** Ends all of them, unless they have ended. */
  end(reason: unknown): void {
    if (this.#over === undefined) {
      this.#over = { reason };
      this.#workers.forEach(end);
      for (const pending of this.#pending) {
        pending.reject(reason);
      }
      this.#pending.clear();
    }
  }
}

/** That a worker failed by itself. */
export function workerFailed(message: string, cause: unknown): CountersignError {
  return new CountersignError("worker.failed", `a worker failed: ${message}`, { hint: FAILED, cause });
}
