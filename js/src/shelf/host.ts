/** The page's side of a shelf. */

import type { Movable } from "../calls/calls.js";
import { type Deferred, deferred } from "../deferred.js";
import { CountersignError } from "../error.js";
import type { WorkerLike } from "../verify/create-verifier.js";
import type { Mark } from "../verify/marks.js";
import type { FromShelf, Request, ToShelf } from "./protocol.js";
import type { Column, ColumnValue, Coverage, Found, Order, Query, Row, SavedAs, Saving, Shelf } from "./types.js";

/** How many bytes of events may be on their way to the worker. */
const UNDER_WAY = 8 << 20;
const FAILED = "reload the page; if it fails again at the same place, report it as a bug";

/** Makes a shelf, kept by a worker that runs `worker.js`. */
export function createShelf(start: () => WorkerLike): Shelf {
  return new WorkersShelf(start);
}

interface Pending {
  readonly settled: Deferred<unknown>;
  readonly told: ((events: number) => void) | undefined;
}

interface Question {
  readonly id: number;
  readonly told: (found: Found) => void;
  readonly answered: Deferred<Found>;
}

class WorkersShelf implements Shelf {
  readonly #worker: WorkerLike;
  readonly #pending = new Map<number, Pending>();
  #question: Question | undefined;
  #ids = 0;
  #underWay = 0;
  #room = deferred();
  /** Why nothing is answered any more. */
  #over: Error | undefined;

  constructor(start: () => WorkerLike) {
    try {
      this.#worker = start();
    } catch (cause) {
      throw cause instanceof CountersignError ? cause : unavailable(String(cause), cause);
    }
    let hasSpoken = false;
    this.#worker.onmessage = ({ data }) => {
      hasSpoken = true;
      this.#receive(data as FromShelf);
    };
    this.#worker.onmessageerror = () => this.#end(failed("a message could not be read", undefined));
    this.#worker.onerror = (event) => {
      event.preventDefault?.();
      const message = event.message ?? "it did not start";
      this.#end(hasSpoken ? failed(message, event.error) : unavailable(message, event.error));
    };
  }

  async add(batch: Uint8Array<ArrayBuffer>): Promise<void> {
    const bytes = batch.length;
    this.#underWay += bytes;
    const taken = this.#take({ type: "add", batch }, [batch.buffer]).finally(() => {
      this.#underWay -= bytes;
      this.#room.resolve();
      this.#room = deferred();
    });
    taken.catch(() => {});
    while (this.#underWay >= UNDER_WAY && this.#over === undefined) {
      await this.#room.promise;
    }
    if (this.#over !== undefined) {
      throw this.#over;
    }
  }

  async mark(marks: readonly Mark[]): Promise<void> {
    await this.#take({ type: "mark", marks }, []);
  }

  async settle(): Promise<void> {
    await this.#request({ type: "settle" });
  }

  ask(query: Query, order: Order, told: (found: Found) => void): Promise<Found> {
    this.#question?.answered.reject(aborted("something else was asked"));
    this.#ids += 1;
    const answered = deferred<Found>();
    // An answer may be wanted through `told` alone.
    answered.promise.catch(() => {});
    this.#question = { id: this.#ids, told, answered };
    if (this.#over === undefined) {
      this.#post({ type: "ask", question: this.#ids, query, order }, []);
    } else {
      answered.reject(this.#over);
    }
    return answered.promise;
  }

  async rows(from: number, to: number): Promise<readonly Row[]> {
    return (await this.#request({ type: "rows", from, to })) as Row[];
  }

  async values(column: Column | undefined, text: string): Promise<readonly ColumnValue[]> {
    return (await this.#request({ type: "values", column, text })) as ColumnValue[];
  }

  async rowOf(line: number): Promise<number | undefined> {
    return (await this.#request({ type: "rowOf", line })) as number | undefined;
  }

  async lineOf(index: number): Promise<number | undefined> {
    return (await this.#request({ type: "lineOf", index })) as number | undefined;
  }

  async indexes(): Promise<Float64Array> {
    return (await this.#request({ type: "indexes" })) as Float64Array;
  }

  async coverage(): Promise<Coverage> {
    return (await this.#request({ type: "coverage" })) as Coverage;
  }

  async save(as: SavedAs, told: (events: number) => void, { doubts, signal }: Saving = {}): Promise<Blob> {
    signal?.throwIfAborted();
    const id = this.#ids + 1;
    const saved = this.#request({ type: "save", as, doubts }, [], told);
    const cancelled = deferred<never>();
    const cancel = () => {
      this.#post({ type: "cancel", id }, []);
      cancelled.reject(signal?.reason);
    };
    saved.catch(() => {});
    signal?.addEventListener("abort", cancel);
    try {
      return (await Promise.race([saved, cancelled.promise])) as Blob;
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }

  close(): void {
    this.#end(aborted("the shelf was closed"));
  }

  /** A shelf that lacks something of what it was given answers nothing any more. */
  async #take(request: Request, transfer: Movable[]): Promise<void> {
    try {
      await this.#request(request, transfer);
    } catch (error) {
      this.#end(error as Error);
      throw error;
    }
  }

  #request(request: Request, transfer: Movable[] = [], told?: (events: number) => void): Promise<unknown> {
    if (this.#over !== undefined) {
      return Promise.reject(this.#over);
    }
    this.#ids += 1;
    const settled = deferred<unknown>();
    this.#pending.set(this.#ids, { settled, told });
    this.#post({ id: this.#ids, request }, transfer);
    return settled.promise;
  }

  #receive(message: FromShelf): void {
    switch (message.type) {
      case "answer":
        this.#settle(message.id)?.settled.resolve(message.value);
        break;
      case "failed": {
        const error = failed(message.message, undefined);
        this.#settle(message.id)?.settled.reject(error);
        // It may have been answered before, and who heard that must not take it for the last word.
        if (this.#question?.id === message.id) {
          this.#end(error);
        }
        break;
      }
      case "saving":
        this.#pending.get(message.id)?.told?.(message.events);
        break;
      case "found":
        if (this.#question?.id === message.found.question) {
          this.#question.told(message.found);
          if (message.found.complete) {
            this.#question.answered.resolve(message.found);
          }
        }
        break;
    }
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    return pending;
  }

  #post(message: ToShelf, transfer: Movable[]): void {
    this.#worker.postMessage(message, transfer);
  }

  #end(reason: Error): void {
    if (this.#over !== undefined) {
      return;
    }
    this.#over = reason;
    this.#worker.onmessage = null;
    this.#worker.onerror = null;
    this.#worker.terminate();
    for (const { settled } of this.#pending.values()) {
      settled.reject(reason);
    }
    this.#pending.clear();
    this.#question?.answered.reject(reason);
    this.#room.resolve();
  }
}

function aborted(message: string): DOMException {
  return new DOMException(message, "AbortError");
}

function failed(message: string, cause: unknown): CountersignError {
  return new CountersignError("worker.failed", `the shelf of events failed: ${message}`, { hint: FAILED, cause });
}

function unavailable(message: string, cause: unknown): CountersignError {
  return new CountersignError("worker.unavailable", `the worker that keeps events could not be started: ${message}`, {
    hint: "a Content-Security-Policy must allow the worker's script in worker-src ('self', or blob: where it is inlined), and the script must be served from the page's own origin",
    cause,
  });
}
