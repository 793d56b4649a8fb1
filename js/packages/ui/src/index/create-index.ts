/** The page's side of an index of verified events. */

import { CountersignError } from "@countersign/shared/error.js";
import { type Deferred, deferred } from "@countersign/shared/promises.js";
import {
  codedBy,
  deserializeError,
  peerFailed,
  type Remote,
  transfer,
  WorkerGroup,
  type WorkerLike,
} from "@countersign/shared/rpc.js";
import type { Mark, Reading, Source } from "@countersign/shared/verify.js";
import { Builders } from "./builders.js";
import { openKept } from "./export-bytes.js";
import type { Lines } from "./in-pieces.js";
import type { BuilderWorker, IndexHost, IndexWorker } from "./roles.js";
import type {
  Column,
  Coverage,
  EventIndex,
  Found,
  Order,
  Refusal,
  Row,
  SavedAs,
  Saving,
  Suggestion,
  WholeRow,
} from "./types.js";

/** How a runtime loads the artifact and starts workers. */
export interface IndexSetup {
  /** The artifact `index`. */
  module: () => Promise<WebAssembly.Module>;
  /** Starts a worker that runs `index/worker`. */
  worker: () => WorkerLike;
}

/** Makes an index, which a worker keeps. */
export function createIndex(setup: IndexSetup): EventIndex {
  return new WorkersIndex(setup);
}

interface Question {
  readonly id: number;
  readonly told: (found: Found) => void;
  readonly answered: Deferred<Found>;
}

class WorkersIndex implements EventIndex {
  readonly #group: WorkerGroup;
  readonly #remote: Remote<IndexWorker>;
  readonly #builders: Builders;
  readonly #begun: Promise<void>;
  readonly #saving = new Map<number, (events: number) => void>();
  #question: Question | undefined;
  /** The one before, until it is known that the newest is understood. */
  #before: Question | undefined;
  #ids = 0;
  /** Whether anybody wants all events: whoever does wants those of all segments. */
  #areLinesWanted = false;

  constructor({ module, worker }: IndexSetup) {
    const host: IndexHost = {
      found: (found) => this.#found(found),
      unread: (id, error) => this.#asked(id)?.answered.reject(deserializeError(error, "index")),
      saved: (id, events) => this.#saving.get(id)?.(events),
      fail: (error) => void this.#fail(deserializeError(error, "index")),
    };
    let hasBegun = false;
    const start = <Theirs extends object>() => {
      const group = new WorkerGroup("index", (message, cause) => {
        const error = hasBegun ? peerFailed("index", message, cause) : unavailable(message, cause);
        this.#end(error);
        return error;
      });
      try {
        return { group, remote: group.add<Theirs>(worker(), host) };
      } catch (cause) {
        throw cause instanceof CountersignError ? cause : unavailable(String(cause), cause);
      }
    };
    const { group, remote } = start<IndexWorker>();
    this.#group = group;
    this.#remote = remote;
    const compiled = module();
    this.#begun = compiled.then(async (compiled) => {
      await this.#remote.begin(compiled, { role: "service" });
      hasBegun = true;
    });
    this.#begun.catch((error: Error) => this.#end(error));
    this.#builders = new Builders({
      start: () => start<BuilderWorker>(),
      compiled,
      fail: (error) => this.#fail(codedBy("index", error)),
      join: async (port) => {
        await this.#begun;
        await this.#remote.join(transfer(port, port));
      },
    });
  }

  open(source: Source): Reading {
    const tell = (what: (remote: Remote<IndexWorker>) => Promise<void>) => void this.#take(what).catch(() => {});
    tell((remote) => remote.open(source instanceof Blob ? source : undefined));
    return openKept(source, (nth, piece) => tell((remote) => remote.know(nth, piece)));
  }

  async add(batch: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#take(() => this.#builders.add(batch, this.#areLinesWanted));
  }

  mark(marks: readonly Mark[]): Promise<void> {
    return this.#take((remote) => remote.mark(marks));
  }

  settle(mayGrow = false): Promise<void> {
    return this.#call(async (remote) => {
      await (mayGrow ? this.#builders.flush() : this.#builders.finish());
      await remote.settle();
    });
  }

  async ask(query: string, order: Order, told: (found: Found) => void): Promise<Found | Refusal> {
    this.#ids += 1;
    const id = this.#ids;
    const before = this.#question;
    const answered = deferred<Found>();
    // An answer may be wanted through `told` alone.
    answered.promise.catch(() => {});
    const question = { id, told, answered };
    this.#question = question;
    this.#before = before;
    const refused = await this.#call((remote) => remote.ask(id, query, order));
    if (refused === undefined) {
      before?.answered.reject(aborted("something else was asked"));
      return answered.promise;
    }
    if (this.#question === question) {
      this.#question = before;
    }
    return refused;
  }

  check(query: string): Promise<Refusal | undefined> {
    return this.#call((remote) => remote.check(query));
  }

  toggled(query: string, column: Column, value: string): Promise<string> {
    return this.#call((remote) => remote.toggled(query, column, value));
  }

  within(query: string, since: number | undefined, until: number | undefined): Promise<string> {
    return this.#call((remote) => remote.within(query, since, until));
  }

  parts(query: string): Promise<readonly string[] | undefined> {
    return this.#call((remote) => remote.parts(query));
  }

  suggest(query: string, caret: number): Promise<readonly Suggestion[]> {
    return this.#call((remote) => remote.suggest(query, caret));
  }

  rows(from: number, to: number, fields: readonly string[]): Promise<readonly Row[]> {
    return this.#call((remote) => remote.rows(from, to, fields));
  }

  row(at: number, known?: Row): Promise<WholeRow | undefined> {
    return this.#call((remote) => remote.row(at, known));
  }

  rowOf(line: number): Promise<number | undefined> {
    return this.#call((remote) => remote.rowOf(line));
  }

  lineOf(index: number): Promise<number | undefined> {
    return this.#call((remote) => remote.lineOf(index));
  }

  indexes(): Promise<Float64Array> {
    return this.#call((remote) => remote.indexes());
  }

  coverage(): Promise<Coverage> {
    return this.#call(async (remote) => {
      await this.#builders.flush();
      return remote.coverage();
    });
  }

  lines(segment: number): Promise<readonly Lines[] | undefined> {
    this.#areLinesWanted = true;
    return this.#call((remote) => remote.lines(segment));
  }

  async save(as: SavedAs, told: (events: number) => void, { signers, signal }: Saving = {}): Promise<Blob> {
    signal?.throwIfAborted();
    this.#ids += 1;
    const id = this.#ids;
    this.#saving.set(id, told);
    const saved = this.#call((remote) => remote.save(id, as, signers));
    const canceled = deferred<never>();
    const cancel = () => {
      void this.#call((remote) => remote.cancel(id)).catch(() => {});
      canceled.reject(signal?.reason);
    };
    saved.catch(() => {});
    signal?.addEventListener("abort", cancel);
    try {
      return await Promise.race([saved, canceled.promise]);
    } finally {
      signal?.removeEventListener("abort", cancel);
      this.#saving.delete(id);
    }
  }

  close(): void {
    this.#end(aborted("the index was closed"));
  }

  /** An index that lacks something of what it was given answers nothing any more. */
  async #take(call: (remote: Remote<IndexWorker>) => Promise<void>): Promise<void> {
    try {
      await this.#call(call);
    } catch (error) {
      this.#end(error as Error);
      throw error;
    }
  }

  /** Asks the worker once it has begun. What it cannot answer any more rejects. */
  #call<T>(call: (remote: Remote<IndexWorker>) => Promise<T>): Promise<T> {
    return this.#group.ask(async () => {
      await this.#begun;
      return call(this.#remote);
    });
  }

  #asked(id: number): Question | undefined {
    return [this.#question, this.#before].find((one) => one?.id === id);
  }

  #found(found: Found): void {
    const question = this.#asked(found.question);
    if (question !== undefined) {
      question.told(found);
      if (found.complete) {
        question.answered.resolve(found);
      }
    }
  }

  /** Ends the index because of an error that is no answer to a call, and returns the error that is reported. */
  #fail(error: CountersignError): CountersignError {
    const reason = error.code.startsWith("worker.") ? error : peerFailed("index", error.message, error);
    this.#end(reason);
    return reason;
  }

  #end(reason: Error): void {
    this.#group.end(reason);
    this.#builders.end(reason);
    this.#question?.answered.reject(reason);
    this.#before?.answered.reject(reason);
  }
}

function aborted(message: string): DOMException {
  return new DOMException(message, "AbortError");
}

function unavailable(message: string, cause: unknown): CountersignError {
  return new CountersignError("worker.unavailable", `the worker that keeps events could not be started: ${message}`, {
    hint: "a Content-Security-Policy must allow the worker's script in worker-src ('self', or blob: where it is inlined), and the script must be served from the page's own origin",
    cause,
  });
}
