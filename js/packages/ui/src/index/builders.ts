/** The pool of workers that build segments of an index. */

import type { WorkerGroup } from "@countersign/shared/rpc.js";
import { type Remote, transfer, WorkerPool } from "@countersign/shared/rpc.js";
import type { CompiledModule } from "@countersign/shared/wasm.js";
import type { BuilderWorker } from "./roles.js";

/** Maximum bytes of events in flight to each worker. */
const MAX_BYTES_EACH = 8 << 20;
/** Bytes in flight to each worker above which another one starts. */
const BUSY_BYTES = 4 << 20;
const MAX_WORKERS = 4;

/** Start and connection of builders. */
export interface BuildersSetup {
  /** Starts a builder in a separate group. */
  readonly start: () => { readonly group: WorkerGroup; readonly remote: Remote<BuilderWorker> };
  readonly compiled: Promise<CompiledModule>;
  /** Connects a builder's port to the service. */
  readonly join: (port: MessagePort) => Promise<void>;
  /** Ends the index, because it lacks the events of a batch, and returns its error. */
  readonly fail: (error: unknown) => Error;
}

interface StartedBuilder {
  readonly group: WorkerGroup;
  readonly remote: Remote<BuilderWorker>;
  readonly begun: Promise<void>;
}

/** Distributes batches among builders. */
export class Builders {
  readonly #setup: BuildersSetup;
  readonly #pool: WorkerPool<StartedBuilder>;
  /** Builders that get no more batches, but still have events that the service lacks. */
  #ending: readonly StartedBuilder[] = [];
  /** Resolves when all released builders have ended. A flush must not wait for a terminated worker. */
  #finished: Promise<void> = Promise.resolve();

  constructor(setup: BuildersSetup) {
    this.#setup = setup;
    this.#pool = new WorkerPool({
      maxLoad: MAX_BYTES_EACH,
      growth: {
        start: () => start(setup),
        maxWorkers: Math.min(MAX_WORKERS, globalThis.navigator?.hardwareConcurrency ?? 2),
        busyLoad: BUSY_BYTES,
      },
    });
  }

  /** Adds a batch. With `writesLines`, also has its lines written. Resolves when there is room for more. */
  async add(batch: Uint8Array<ArrayBuffer>, writesLines: boolean): Promise<void> {
    const added = this.#pool.run(batch.length, async ({ begun, remote }) => {
      try {
        await begun;
        await remote.add(transfer(batch, batch), writesLines);
      } catch (error) {
        throw this.#setup.fail(error);
      }
    });
    // The pool ends with the same error, and so does the index.
    added.catch(() => {});
    await this.#pool.room();
  }

  /** Resolves when the service has everything that was added. */
  async flush(): Promise<void> {
    await Promise.all([this.#finished, ...this.#pool.workers.map(flush)]);
  }

  /** Flushes and ends the builders. Batches added later start new ones. */
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

  /** Ends all builders at once. */
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

/** Resolves when the service has everything that was added to a builder. */
async function flush({ begun, remote }: StartedBuilder): Promise<void> {
  await begun;
  await remote.flush();
}
