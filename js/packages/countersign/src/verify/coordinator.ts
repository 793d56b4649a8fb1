/** The worker that cuts an export into stretches, shares them out and takes their summaries in order. */

import { type Deferred, deferred } from "../promises.js";
import { connect, type Port, type Remote, transfer } from "../rpc/connect.js";
import { WorkerPool } from "../rpc/worker-pool.js";
import { Coordinator } from "../wasm/verifier.js";
import type { Feed, Outcome, SummarizerWorker, Summary, Taken, Task } from "./roles.js";
import { type HostListener, tell } from "./telling.js";

/** Stretches that each summarizer has at a time: one in work, and more so that it never waits. */
const MAX_STRETCHES_EACH = 3;

/** The size of buffers that are used again: twice that of most stretches. */
const STRETCH_BUFFER = 512 << 10;

const NOTHING = new Uint8Array();

/** Feeds summarizers, and takes what they make. */
export class Coordination implements Feed {
  readonly #listener: HostListener;
  readonly #summarizers: WorkerPool<Remote<SummarizerWorker>>;
  readonly #coordinator: Coordinator;
  readonly #wantsEvents: boolean;
  /** Chunks that wait to be taken, from the front and perhaps in parts. */
  readonly #chunks: { rest: Uint8Array; readonly spent: ArrayBuffer; readonly taken: Deferred<Taken> }[] = [];
  readonly #spare: ArrayBuffer[] = [];
  readonly #outcome = deferred<Outcome>();
  /** `drained` is an input that has ended and whose every stretch was shared out. */
  #input: "open" | "ended" | "draining" | "drained" | "done" = "open";
  /** Whether the summarizers know the origin. */
  #begun = false;
  /** The numbers of the next stretch to be shared out and of the next one to be absorbed. */
  #next = 0;
  #absorbed = 0;
  /** Summaries that came before their turn. */
  readonly #early = new Map<number, Summary & { readonly at: number | undefined }>();
  /** Resolves when the host was told all that is known. */
  #told: Promise<void> = Promise.resolve();

  constructor(task: Task, listener: HostListener, ports: readonly Port[]) {
    this.#listener = listener;
    this.#summarizers = new WorkerPool({
      workers: ports.map((port) => connect<SummarizerWorker>(port, {}, "verifier")),
      maxLoad: MAX_STRETCHES_EACH,
    });
    this.#coordinator = new Coordinator(task.trust, task.pins, task.expect, task.wants);
    this.#wantsEvents = task.wants.events;
  }

  chunk(bytes: Uint8Array): Promise<Taken> {
    const taken = deferred<Taken>();
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
      this.#told.then(() => this.#finish()).then(this.#outcome.resolve, this.#outcome.reject);
    }
  }

  /** Everything was absorbed. */
  async #finish(): Promise<Outcome> {
    const outcome = this.#coordinator.finish() as Outcome;
    await tell(this.#coordinator, this.#listener);
    await this.#listener.idle();
    this.#coordinator.free();
    return outcome;
  }

  /** Whether one more stretch may be under way. */
  get #hasRoom(): boolean {
    return this.#next - this.#absorbed < this.#summarizers.capacity && this.#listener.hasRoom;
  }

  /** Shares out a stretch, or else gets more; says whether there was anything to do. */
  #step(): boolean {
    const length = this.#coordinator.nextStretch();
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

  /** Shares out the next stretch. */
  #share(length: number): void {
    const { origin } = this.#coordinator;
    if (!this.#begun && origin !== undefined) {
      this.#begun = true;
      this.#askAll((remote) => remote.begin(origin));
    }
    const number = this.#next++;
    // With room for its summary.
    const spare = length > STRETCH_BUFFER ? new ArrayBuffer(length) : this.#spare.pop();
    const stretch = new Uint8Array(spare ?? new ArrayBuffer(STRETCH_BUFFER), 0, length);
    const at = this.#coordinator.stretchAt;
    this.#coordinator.takeStretch(stretch);
    const summary = this.#summarizers.run(1, (remote) => remote.summarize(transfer(stretch, stretch)));
    const summarized = summary.then((summary) => {
      this.#early.set(number, { ...summary, at });
      this.#absorb();
      this.#proceed();
    });
    summarized.catch(this.#listener.fail);
  }

  /** Takes the summaries whose turn has come. */
  #absorb(): void {
    for (;;) {
      const next = this.#early.get(this.#absorbed);
      if (next === undefined) {
        return;
      }
      this.#early.delete(this.#absorbed);
      this.#absorbed += 1;
      const { summary, stretch, at } = next;
      this.#coordinator.absorb(summary, this.#wantsEvents ? stretch : NOTHING, at);
      if (stretch.buffer.byteLength === STRETCH_BUFFER) {
        this.#spare.push(stretch.buffer);
      }
      const opened = this.#coordinator.takeOpened();
      if (opened.length > 0) {
        this.#askAll((remote) => remote.learn(opened));
      }
      this.#told = this.#told.then(() => tell(this.#coordinator, this.#listener)).then(() => this.#proceed());
      this.#told.catch(this.#listener.fail);
    }
  }

  #askAll(ask: (remote: Remote<SummarizerWorker>) => Promise<void>): void {
    for (const remote of this.#summarizers.workers) {
      ask(remote).catch(this.#listener.fail);
    }
  }
}
