/** Pools that distribute work among workers of one kind. */

import { Notifier } from "../promises.js";

/** Options of a pool. */
export interface PoolOptions<W> {
  /** The workers that were already started. */
  readonly workers?: readonly W[];
  /** Starts more workers. Without it, the pool keeps those it has. */
  readonly growth?: PoolGrowth<W>;
  /** The pool has room while any worker's load is below this. The owner chooses the unit, such as bytes. */
  readonly maxLoad: number;
}

/** Starts workers for a pool. */
export interface PoolGrowth<W> {
  start(): W;
  readonly maxWorkers: number;
  /** Another worker is started if every worker has at least this load. */
  readonly busyLoad: number;
}

interface Member<W> {
  readonly worker: W;
  load: number;
}

/**
 * A pool of workers that assigns each job to the least loaded one. A failing job ends the pool, because the workers'
 * results would be incomplete from then on.
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

  /** The total load up to which the pool has room. */
  get capacity(): number {
    return this.#members.length * this.#maxLoad;
  }

  /**
   * Runs a job on the least loaded worker, adding `load` to it until the job settles. Rejects once the pool has ended.
   */
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

  /** Resolves when the pool has room. Rejects when it ends. */
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

  /** Ends the pool, unless it has ended. The owner ends the workers. */
  end(reason: unknown): void {
    this.#ended ??= { reason };
    this.#changed.notify();
  }

  /** True if there is room. A pool without workers has room, because the next job starts one. */
  get #hasRoom(): boolean {
    return this.#members.length === 0 || this.#members.some(({ load }) => load < this.#maxLoad);
  }

  /** Returns the least loaded worker, or a new one if all are busy and the pool may grow. */
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
