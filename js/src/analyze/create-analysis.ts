/** The page's side of looking for findings. */

import type { Lines } from "../index/in-pieces.js";
import { Notifier } from "../promises.js";
import { type Remote, transfer } from "../rpc/connect.js";
import { WorkerGroup, type WorkerLike } from "../rpc/worker-group.js";
import type { AnalysisWorker, Role } from "./roles.js";
import type { Analysis, Facts, FindingsStatus } from "./types.js";

/** How a runtime loads the artefact and starts workers. */
export interface AnalysisSetup {
  /** The artefact `analyzer`. */
  module: () => Promise<WebAssembly.Module>;
  /** Starts a worker that runs `analyze/worker`. */
  worker: () => WorkerLike;
  /** How many detect; without it as many as there are cores, but for one and within reason. */
  detectors?: number;
}

/** How many detect at most. */
const MOST = 4;
/** With more bytes of events than this on their way to each there is room for no more. */
const UNDER_WAY = 32 << 20;

/** Looks for what a pack of rules describes. Nothing is started before there are events. */
export function createAnalysis(setup: AnalysisSetup, rules: string): Analysis {
  return new WorkersAnalysis(setup, rules);
}

interface Started {
  readonly remote: Remote<AnalysisWorker>;
  readonly begun: Promise<void>;
  /** How many bytes it has to look at. */
  waiting: number;
}

class WorkersAnalysis implements Analysis {
  readonly #setup: AnalysisSetup;
  readonly #rules: string;
  readonly #most: number;
  readonly #module: Promise<WebAssembly.Module>;
  readonly #group = new WorkerGroup("analyzer");
  readonly #service: Started;
  readonly #detectors: Started[] = [];
  #detected: Promise<unknown> = Promise.resolve();
  readonly #room = new Notifier();

  constructor(setup: AnalysisSetup, rules: string) {
    this.#setup = setup;
    this.#rules = rules;
    this.#most = setup.detectors ?? Math.max(1, Math.min(MOST, globalThis.navigator?.hardwareConcurrency ?? 2));
    this.#module = setup.module();
    this.#service = this.#start({ role: "service" });
  }

  async add(events: readonly Lines[]): Promise<void> {
    const detected = this.#call(async () => {
      const one = this.#idlest();
      const bytes = events.reduce((sum, { length }) => sum + length, 0);
      one.waiting += bytes;
      try {
        await one.begun;
        await one.remote.detect(transfer(events, ...events));
      } finally {
        one.waiting -= bytes;
        this.#room.notify();
      }
    });
    detected.catch((error: Error) => this.#group.end(error));
    this.#detected = Promise.all([this.#detected, detected]);
    this.#detected.catch(() => {});
    const isFull = () => this.#detectors.length > 0 && this.#detectors.every(({ waiting }) => waiting > UNDER_WAY);
    await this.#call(() => this.#room.until(() => !isFull()));
  }

  tell(facts: Facts | undefined): Promise<FindingsStatus> {
    return this.#call(async (service) => {
      if (facts !== undefined) {
        await this.#detected;
      }
      return service.tell(facts);
    });
  }

  readonly select: Analysis["select"] = (entries) => this.#call((service) => service.select(entries));
  readonly list: Analysis["list"] = (...given) => this.#call((service) => service.list(...given));
  readonly of: Analysis["of"] = (...given) => this.#call((service) => service.of(...given));
  readonly leaves: Analysis["leaves"] = (id) => this.#call((service) => service.leaves(id));
  readonly document: Analysis["document"] = () => this.#call((service) => service.document());

  close(): void {
    this.#group.end(new DOMException("looking for findings was ended", "AbortError"));
  }

  /** The one that has the least to do; another one, where all have something. */
  #idlest(): Started {
    const [first, ...others] = this.#detectors;
    const idlest = first && others.reduce((one, other) => (other.waiting < one.waiting ? other : one), first);
    if (idlest !== undefined && (idlest.waiting === 0 || this.#detectors.length >= this.#most)) {
      return idlest;
    }
    const { port1, port2 } = new MessageChannel();
    const joined = this.#service.begun.then(() => this.#service.remote.join(transfer(port1, port1)));
    const started = this.#start(transfer({ role: "detector", service: port2 } as const, port2), joined);
    this.#detectors.push(started);
    return started;
  }

  #start(role: Role, first: Promise<void> = Promise.resolve()): Started {
    const remote = this.#group.add<AnalysisWorker>(this.#setup.worker());
    const begin = async () => {
      await first;
      await remote.begin(await this.#module, this.#rules, role);
    };
    const begun = begin();
    begun.catch((error: Error) => this.#group.end(error));
    return { remote, begun, waiting: 0 };
  }

  /** Asks the service once it has begun. */
  #call<T>(call: (service: Remote<AnalysisWorker>) => Promise<T>): Promise<T> {
    return this.#group.ask(async () => {
      await this.#service.begun;
      return call(this.#service.remote);
    });
  }
}
