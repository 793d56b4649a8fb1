/** The workers that make segments of an index: as many as are kept busy. */

import type { CompiledModule } from "../artefact/load.js";
import { Notifier } from "../promises.js";
import { type Remote, transfer } from "../rpc/connect.js";
import { serializeError } from "../rpc/errors.js";
import type { WorkerGroup } from "../rpc/worker-group.js";
import type { BuilderWorker, IndexHost } from "./roles.js";

/** How many bytes of events may be on their way to each. */
const UNDER_WAY = 8 << 20;
/** With more than this on its way to each there is work for another one. */
const BUSY = 4 << 20;
/** How many there are at most. */
const MOST = 4;

/** What they need. */
export interface BuildersSetup {
  /** Starts one, by itself in its group. */
  readonly start: () => { readonly group: WorkerGroup; readonly remote: Remote<BuilderWorker> };
  /** Who hears of failures. */
  readonly host: IndexHost;
  readonly compiled: Promise<CompiledModule>;
  /** Has the service take what comes from there. */
  readonly join: (port: MessagePort) => Promise<void>;
}

interface One {
  readonly group: WorkerGroup;
  readonly remote: Remote<BuilderWorker>;
  readonly begun: Promise<void>;
  underWay: number;
}

/** Shares batches out. */
export class Builders {
  readonly #setup: BuildersSetup;
  readonly #most = Math.max(1, Math.min(MOST, (globalThis.navigator?.hardwareConcurrency ?? 2) - 1));
  #all: One[] = [];
  /** Those that are given nothing any more, and have not handed on all that they have. */
  #ending: One[] = [];
  readonly #room = new Notifier();
  /** Resolves when those that were to end have ended: who asks meanwhile must not wait for one that is gone. */
  #finished: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;

  constructor(setup: BuildersSetup) {
    this.#setup = setup;
  }

  /** Takes a batch; `writes` its lines too. Resolves when there is room for more. */
  async add(batch: Uint8Array<ArrayBuffer>, writes: boolean): Promise<void> {
    const { length } = batch;
    const { host } = this.#setup;
    const one = this.#idlest();
    one.underWay += length;
    one.begun
      .then(() => one.remote.add(transfer(batch, batch), writes))
      .then(
        () => {
          one.underWay -= length;
          this.#room.notify();
        },
        (error: unknown) => {
          this.#failure ??= { error };
          this.#room.notify();
          // An index that lacks something of what it was given answers nothing any more.
          host.fail(serializeError(error));
        },
      );
    await this.#room.until(
      () => this.#failure !== undefined || !this.#all.every(({ underWay }) => underWay >= UNDER_WAY),
    );
    if (this.#failure !== undefined) {
      throw this.#failure.error;
    }
  }

  /** Resolves when the service has all that was added. */
  async flush(): Promise<void> {
    await Promise.all([this.#finished, ...this.#all.map(flushed)]);
  }

  /** The same, and those there are end then; for what is added later others begin. */
  async finish(): Promise<void> {
    const all = this.#all;
    this.#all = [];
    this.#ending = [...this.#ending, ...all];
    this.#finished = Promise.all([this.#finished, ...all.map(flushed)]).then(() => {
      for (const { group } of all) {
        group.end(undefined);
      }
      this.#ending = this.#ending.filter((one) => !all.includes(one));
    });
    await this.#finished;
  }

  /** Ends those there are at once. */
  end(reason: Error): void {
    for (const { group } of [...this.#all, ...this.#ending]) {
      group.end(reason);
    }
    this.#room.notify();
  }

  /** The one that has the least to do; another one, where all have much. */
  #idlest(): One {
    const [first, ...others] = this.#all;
    const idlest = first && others.reduce((one, other) => (other.underWay < one.underWay ? other : one), first);
    if (idlest !== undefined && (idlest.underWay < BUSY || this.#all.length >= this.#most)) {
      return idlest;
    }
    const started = this.#start();
    this.#all.push(started);
    return started;
  }

  #start(): One {
    const { start, compiled, join } = this.#setup;
    const { group, remote } = start();
    const { port1, port2 } = new MessageChannel();
    const begin = async () => {
      await join(port1);
      await remote.begin(await compiled, transfer({ role: "builder", service: port2 } as const, port2));
    };
    return { group, remote, begun: begin(), underWay: 0 };
  }
}

/** Resolves when the service has all that one was given. */
async function flushed({ begun, remote }: One): Promise<void> {
  await begun;
  await remote.flush();
}
