/** The index of verified events: the page's side. */

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
  Order,
  QueryError,
  Row,
  SaveFormat,
  SaveOptions,
  SearchResult,
  Suggestion,
  WholeRow,
} from "./types.js";

/** The WebAssembly module and the workers of an index. */
export interface IndexSetup {
  /** Loads the module `index`. */
  module: () => Promise<WebAssembly.Module>;
  /** Starts a worker that runs `index/worker`. */
  worker: () => WorkerLike;
}

/** Creates an index, kept in a worker. */
export function createIndex(setup: IndexSetup): EventIndex {
  return new WorkersIndex(setup);
}

interface PendingQuery {
  readonly id: number;
  readonly onResult: (found: SearchResult) => void;
  readonly answer: Deferred<SearchResult>;
}

class WorkersIndex implements EventIndex {
  readonly #group: WorkerGroup;
  readonly #remote: Remote<IndexWorker>;
  readonly #builders: Builders;
  readonly #begun: Promise<void>;
  readonly #saving = new Map<number, (events: number) => void>();
  #query: PendingQuery | undefined;
  /** The previous query, until the worker accepts the newest one. */
  #previous: PendingQuery | undefined;
  #ids = 0;
  /** True once lines of a segment were requested; then those of all segments are written. */
  #areLinesWanted = false;

  constructor({ module, worker }: IndexSetup) {
    const host: IndexHost = {
      found: (found) => this.#accept(found),
      unreadable: (id, error) => this.#pending(id)?.answer.reject(deserializeError(error, "index")),
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
    const call = (work: (remote: Remote<IndexWorker>) => Promise<void>) => void this.#change(work).catch(() => {});
    call((remote) => remote.open(source instanceof Blob ? source : undefined));
    return openKept(source, (nth, piece) => call((remote) => remote.know(nth, piece)));
  }

  async add(batch: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#change(() => this.#builders.add(batch, this.#areLinesWanted));
  }

  mark(marks: readonly Mark[]): Promise<void> {
    return this.#change((remote) => remote.mark(marks));
  }

  settle(mayGrow = false): Promise<void> {
    return this.#call(async (remote) => {
      await (mayGrow ? this.#builders.flush() : this.#builders.finish());
      await remote.settle();
    });
  }

  async ask(
    query: string,
    order: Order,
    onResult: (found: SearchResult) => void,
    at = Date.now(),
  ): Promise<SearchResult | QueryError> {
    this.#ids += 1;
    const id = this.#ids;
    const previous = this.#query;
    const answer = deferred<SearchResult>();
    // The caller may rely on `onResult` alone.
    answer.promise.catch(() => {});
    const pending = { id, onResult, answer };
    this.#query = pending;
    this.#previous = previous;
    const refused = await this.#call((remote) => remote.ask(id, query, order, at));
    if (refused === undefined) {
      previous?.answer.reject(aborted("replaced by a newer query"));
      return answer.promise;
    }
    if (this.#query === pending) {
      this.#query = previous;
    }
    return refused;
  }

  count(query: string): Promise<number | undefined> {
    return this.#call((remote) => remote.count(query));
  }

  check(query: string): Promise<QueryError | undefined> {
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

  asksUntil(query: string, at: number): Promise<number | undefined> {
    return this.#call((remote) => remote.asksUntil(query, at));
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

  async save(
    as: SaveFormat,
    onProgress: (events: number) => void,
    { signers, signal }: SaveOptions = {},
  ): Promise<Blob> {
    signal?.throwIfAborted();
    this.#ids += 1;
    const id = this.#ids;
    this.#saving.set(id, onProgress);
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

  /** Makes a call that changes the index. If it fails, the index is incomplete and ends. */
  async #change(call: (remote: Remote<IndexWorker>) => Promise<void>): Promise<void> {
    try {
      await this.#call(call);
    } catch (error) {
      this.#end(error as Error);
      throw error;
    }
  }

  /** Calls the worker once it is initialized. Rejects if the worker has ended. */
  #call<T>(call: (remote: Remote<IndexWorker>) => Promise<T>): Promise<T> {
    return this.#group.ask(async () => {
      await this.#begun;
      return call(this.#remote);
    });
  }

  #pending(id: number): PendingQuery | undefined {
    return [this.#query, this.#previous].find((query) => query?.id === id);
  }

  #accept(found: SearchResult): void {
    const pending = this.#pending(found.query);
    if (pending !== undefined) {
      pending.onResult(found);
      if (found.complete) {
        pending.answer.resolve(found);
      }
    }
  }

  /** Ends the index because of an error outside a call, and returns the error that is reported. */
  #fail(error: CountersignError): CountersignError {
    const reason = error.code.startsWith("worker.") ? error : peerFailed("index", error.message, error);
    this.#end(reason);
    return reason;
  }

  #end(reason: Error): void {
    this.#group.end(reason);
    this.#builders.end(reason);
    this.#query?.answer.reject(reason);
    this.#previous?.answer.reject(reason);
  }
}

function aborted(message: string): DOMException {
  return new DOMException(message, "AbortError");
}

function unavailable(message: string, cause: unknown): CountersignError {
  return new CountersignError("worker.unavailable", `the index worker couldn't be started: ${message}`, {
    hint: "allow the worker's script in the Content-Security-Policy's worker-src ('self', or blob: if it is inlined), and serve it from the page's own origin",
    cause,
  });
}
