/** The workers that make segments of an index. */

import type { WorkerGroup } from "@countersign/shared/rpc.js";
import { type Remote, transfer, WorkerPool } from "@countersign/shared/rpc.js";
import type { CompiledModule } from "@countersign/shared/wasm.js";
import type { BuilderWorker } from "./roles.js";

/** Bytes of events that may be under way to each. */
const MAX_BYTES_EACH = 8 << 20;
/** Bytes of events under way to each, from which on another one starts. */
const BUSY_BYTES = 4 << 20;
const MAX_WORKERS = 4;

/** How builders start, and where their segments go. */
export interface BuildersSetup {
  /** Starts one, by itself in its group. */
  readonly start: () => { readonly group: WorkerGroup; readonly remote: Remote<BuilderWorker> };
  readonly compiled: Promise<CompiledModule>;
  /** Has the service take segments from a port. */
  readonly join: (port: MessagePort) => Promise<void>;
  /** Ends the index, which lacks the events of a batch, and returns its error. */
  readonly fail: (error: unknown) => Error;
}

interface StartedBuilder {
  readonly group: WorkerGroup;
  readonly remote: Remote<BuilderWorker>;
  readonly begun: Promise<void>;
}

/** Shares batches out. */
export class Builders {
  readonly #setup: BuildersSetup;
  readonly #pool: WorkerPool<StartedBuilder>;
  /** Builders that get no more batches, and still have events that the service lacks. */
  #ending: readonly StartedBuilder[] = [];
  /** Resolves when those that were to end have ended: a flush must not wait for one that is gone. */
  #finished: Promise<void> = Promise.resolve();

  constructor(setup: BuildersSetup) {
    this.#setup = setup;
    this.#pool = new WorkerPool({
      maxLoad: MAX_BYTES_EACH,
      growth: {
        start: () => start(setup),
        maxWorkers: Math.max(1, Math.min(MAX_WORKERS, (globalThis.navigator?.hardwareConcurrency ?? 2) - 1)),
        busyLoad: BUSY_BYTES,
      },
    });
  }

  /** Adds a batch; `writes` its lines too. Resolves when there is room for more. */
  async add(batch: Uint8Array<ArrayBuffer>, writes: boolean): Promise<void> {
    const added = this.#pool.run(batch.length, async ({ begun, remote }) => {
      try {
        await begun;
        await remote.add(transfer(batch, batch), writes);
      } catch (error) {
        throw this.#setup.fail(error);
      }
    });
    // The pool ends with the same error, and so does the index.
    added.catch(() => {});
    await this.#pool.room();
  }

  /** Resolves when the service has all that was added. */
  async flush(): Promise<void> {
    await Promise.all([this.#finished, ...this.#pool.workers.map(flush)]);
  }

  /** Flushes, and ends the builders. Batches that are added later start others. */
  async finish(): Promise<void> {
    const released = this.#pool.release();
    this.#ending = [...this.#ending, ...released];
    this.#finished = Promise.all([this.#finished, ...released.map(flush)]).then(() => {
      for (const { group } of released) {
        group.end(undefined);
      }
      this.#ending = this.#ending.filter((builder) => !released.includes(builder));
    });
    await this.#finished;
  }

  /** Ends all at once. */
  end(reason: Error): void {
    for (const { group } of [...this.#pool.workers, ...this.#ending]) {
      group.end(reason);
    }
    this.#pool.end(reason);
  }
}

function start({ start, compiled, join }: BuildersSetup): StartedBuilder {
  const { group, remote } = start();
  const { port1, port2 } = new MessageChannel();
  const begin = async () => {
    await join(port1);
    await remote.begin(await compiled, transfer({ role: "builder", service: port2 } as const, port2));
  };
  return { group, remote, begun: begin() };
}

/** Resolves when the service has all that one was given. */
async function flush({ begun, remote }: StartedBuilder): Promise<void> {
  await begun;
  await remote.flush();
}
