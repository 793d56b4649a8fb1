/** Shares work out among workers of one kind. */

import { Notifier } from "../promises.js";

/** A pool's workers, and how much each of them takes. */
export interface PoolOptions<W> {
  /** The workers that have started. */
  readonly workers?: readonly W[];
  /** How the pool starts more workers. Without it, the pool keeps those it has. */
  readonly growth?: PoolGrowth<W>;
  /** The pool has room while any worker's load is below this. The unit is the owner's: bytes, for example. */
  readonly maxLoad: number;
}

/** How a pool starts workers. */
export interface PoolGrowth<W> {
  start(): W;
  readonly maxWorkers: number;
  /** Another worker starts when every worker has at least this load. */
  readonly busyLoad: number;
}

interface Member<W> {
  readonly worker: W;
  load: number;
}

/**
 * Workers of one kind, each with the load that is under way to it. The least loaded one gets the next job. A job that
 * fails ends the pool, because what its workers make would lack something from then on.
 */
export class WorkerPool<W> {
  readonly #growth: PoolGrowth<W> | undefined;
  readonly #maxLoad: number;
  readonly #changed = new Notifier();
  #members: readonly Member<W>[];
  #ended: { readonly reason: unknown } | undefined;

  constructor({ workers = [], growth, maxLoad }: PoolOptions<W>) {
    this.#members = workers.map((worker) => ({ worker, load: 0 }));
    this.#growth = growth;
    this.#maxLoad = maxLoad;
  }

  /** The workers that can get jobs. */
  get workers(): readonly W[] {
    return this.#members.map(({ worker }) => worker);
  }

  /** The load of all workers together up to which the pool has room. */
  get capacity(): number {
    return this.#members.length * this.#maxLoad;
  }

  /** Runs a job on the least loaded worker, which has `load` more until the job settles. Rejects once the pool has ended. */
  async run<T>(load: number, job: (worker: W) => Promise<T>): Promise<T> {
    if (this.#ended !== undefined) {
      throw this.#ended.reason;
    }
    try {
      const member = this.#leastLoaded();
      member.load += load;
      try {
        return await job(member.worker);
      } finally {
        member.load -= load;
        this.#changed.notify();
      }
    } catch (error) {
      this.end(error);
      throw error;
    }
  }

  /** Resolves when the pool has room for more. Rejects when it ends. */
  async room(): Promise<void> {
    await this.#changed.until(() => this.#ended !== undefined || this.#hasRoom);
    if (this.#ended !== undefined) {
      throw this.#ended.reason;
    }
  }

  /** Empties the pool and returns its workers, which finish their jobs. The next job starts a new worker. */
  release(): readonly W[] {
    const { workers } = this;
    this.#members = [];
    this.#changed.notify();
    return workers;
  }

  /** Ends the pool, unless it has ended. Its owner ends the workers. */
  end(reason: unknown): void {
    this.#ended ??= { reason };
    this.#changed.notify();
  }

  /** A pool without workers has room: the next job starts one. */
  get #hasRoom(): boolean {
    return this.#members.length === 0 || this.#members.some(({ load }) => load < this.#maxLoad);
  }

  /** Starts a worker if all are busy and the pool may grow. */
  #leastLoaded(): Member<W> {
    const least = this.#members.reduce<Member<W> | undefined>(
      (least, member) => (least === undefined || member.load < least.load ? member : least),
      undefined,
    );
    const { start, maxWorkers, busyLoad } = this.#growth ?? { maxWorkers: 0, busyLoad: 0 };
    if (least !== undefined && (least.load < busyLoad || this.#members.length >= maxWorkers)) {
      return least;
    }
    if (start === undefined) {
      throw new Error("a pool that cannot grow needs workers");
    }
    const started = { worker: start(), load: 0 };
    this.#members = [...this.#members, started];
    return started;
  }
}
