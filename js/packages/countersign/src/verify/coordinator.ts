/** The worker that splits an export into parts, distributes them, and absorbs their summaries in order. */

import { type Deferred, deferred } from "../promises.js";
import { connect, type Port, type Remote, transfer } from "../rpc/connect.js";
import { WorkerPool } from "../rpc/worker-pool.js";
import { Coordinator } from "../wasm/verifier.js";
import { ArchiveCollector, type HostListener, report } from "./results.js";
import type { ChunkResult, Feed, Outcome, SummarizerWorker, Summary, Task } from "./roles.js";

/** Maximum number of parts assigned to each summarizer: one in progress, and others so that it never waits. */
const MAX_PARTS_EACH = 3;

/** Size of reusable buffers in bytes: twice that of most parts. */
const PART_BUFFER_BYTES = 512 << 10;

const NOTHING = new Uint8Array();

/** Distributes parts to summarizers and absorbs their summaries. */
export class PartCoordinator implements Feed {
  readonly #listener: HostListener;
  readonly #summarizers: WorkerPool<Remote<SummarizerWorker>>;
  readonly #coordinator: Coordinator;
  readonly #wantsEvents: boolean;
  readonly #archive: ArchiveCollector | undefined;
  /** Chunks that are not consumed yet; the first may be consumed in part. */
  readonly #chunks: { rest: Uint8Array; readonly spent: ArrayBuffer; readonly taken: Deferred<ChunkResult> }[] = [];
  readonly #spare: ArrayBuffer[] = [];
  readonly #outcome = deferred<Outcome>();
  /** `drained` means that the input has ended and all of its parts are assigned. */
  #input: "open" | "ended" | "draining" | "drained" | "done" = "open";
  /** True if the summarizers know the origin. */
  #begun = false;
  /** The numbers of the next part to assign, and of the next to absorb. */
  #next = 0;
  #absorbed = 0;
  /** Summaries that arrived before their turn. */
  readonly #early = new Map<number, Summary & { readonly at: number | undefined }>();
  /** Resolves when the host has received everything known so far. */
  #reported: Promise<void> = Promise.resolve();

  constructor(task: Task, listener: HostListener, ports: readonly Port[]) {
    this.#listener = listener;
    this.#summarizers = new WorkerPool({
      workers: ports.map((port) => connect<SummarizerWorker>(port, {}, "verifier")),
      maxLoad: MAX_PARTS_EACH,
    });
    this.#coordinator = new Coordinator(task.trust, task.pins, task.expect, task.wants);
    this.#wantsEvents = task.wants.events;
    this.#archive = task.wants.archive ? new ArchiveCollector() : undefined;
  }

  chunk(bytes: Uint8Array): Promise<ChunkResult> {
    const taken = deferred<ChunkResult>();
    this.#chunks.push({ rest: bytes, spent: bytes.buffer as ArrayBuffer, taken });
    this.#proceed();
    return taken.promise;
  }

  end(): Promise<Outcome> {
    this.#input = "ended";
    this.#proceed();
    return this.#outcome.promise;
  }

  #proceed(): void {
    if (this.#input === "done") {
      return;
    }
    while (this.#hasRoom && this.#step()) {}
    if (this.#input === "drained" && this.#absorbed === this.#next) {
      this.#input = "done";
      this.#reported.then(() => this.#finish()).then(this.#outcome.resolve, this.#outcome.reject);
    }
  }

  /** Finishes after all parts were absorbed. */
  async #finish(): Promise<Outcome> {
    const outcome = this.#coordinator.finish() as Outcome;
    this.#archive?.finish(this.#coordinator, this.#listener);
    await report(this.#coordinator, this.#listener);
    await this.#listener.idle();
    this.#coordinator.free();
    return outcome;
  }

  /** True if another part may be assigned. */
  get #hasRoom(): boolean {
    return this.#next - this.#absorbed < this.#summarizers.capacity && this.#listener.hasRoom;
  }

  /** Assigns a part, or reads more input. Returns false if there was nothing to do. */
  #step(): boolean {
    const length = this.#coordinator.nextPart();
    const [chunk] = this.#chunks;
    if (length !== undefined) {
      this.#share(length);
    } else if (chunk !== undefined) {
      chunk.rest = chunk.rest.subarray(this.#coordinator.push(chunk.rest));
      if (chunk.rest.length === 0) {
        this.#chunks.shift();
        const { lines, events } = this.#coordinator;
        chunk.taken.resolve(transfer({ counts: { lines, events }, spent: chunk.spent }, chunk.spent));
      }
    } else if (this.#input === "ended") {
      this.#coordinator.end();
      this.#input = "draining";
    } else {
      if (this.#input === "draining") {
        this.#input = "drained";
      }
      return false;
    }
    return true;
  }

  /** Assigns the next part. */
  #share(length: number): void {
    const { origin } = this.#coordinator;
    if (!this.#begun && origin !== undefined) {
      this.#begun = true;
      this.#callAll((remote) => remote.begin(origin));
    }
    const number = this.#next++;
    // The buffer has room for the part's summary.
    const spare = length > PART_BUFFER_BYTES ? new ArrayBuffer(length) : this.#spare.pop();
    const part = new Uint8Array(spare ?? new ArrayBuffer(PART_BUFFER_BYTES), 0, length);
    const at = this.#coordinator.partAt;
    this.#coordinator.takePart(part);
    const summary = this.#summarizers.run(1, (remote) => remote.summarize(transfer(part, part)));
    const summarized = summary.then((summary) => {
      this.#early.set(number, { ...summary, at });
      this.#absorb();
      this.#proceed();
    });
    summarized.catch(this.#listener.fail);
  }

  /** Absorbs the summaries whose turn has come. */
  #absorb(): void {
    for (;;) {
      const next = this.#early.get(this.#absorbed);
      if (next === undefined) {
        return;
      }
      this.#early.delete(this.#absorbed);
      this.#absorbed += 1;
      const { summary, part, at } = next;
      this.#coordinator.absorb(summary, this.#wantsEvents ? part : NOTHING, at);
      this.#archive?.collect(this.#coordinator);
      if (part.buffer.byteLength === PART_BUFFER_BYTES) {
        this.#spare.push(part.buffer);
      }
      const opened = this.#coordinator.takeOpened();
      if (opened.length > 0) {
        this.#callAll((remote) => remote.learn(opened));
      }
      this.#reported = this.#reported.then(() => report(this.#coordinator, this.#listener)).then(() => this.#proceed());
      this.#reported.catch(this.#listener.fail);
    }
  }

  #callAll(call: (remote: Remote<SummarizerWorker>) => Promise<void>): void {
    for (const remote of this.#summarizers.workers) {
      call(remote).catch(this.#listener.fail);
    }
  }
}
