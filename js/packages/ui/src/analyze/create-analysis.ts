/** Runs detection rules over verified events: the page's side. */

import { type Remote, transfer, WorkerGroup, type WorkerLike, WorkerPool } from "@countersign/shared/rpc.js";
import type { Lines } from "../index/in-pieces.js";
import type { AnalysisWorker, Role } from "./roles.js";
import type { Analysis, AnalysisScope, Facts, FindingsStatus } from "./types.js";

/** The WebAssembly module and the workers of an analysis. */
export interface AnalysisSetup {
  /** Loads the module `analyzer`. */
  module: () => Promise<WebAssembly.Module>;
  /** Starts a worker that runs `analyze/worker`. */
  worker: () => WorkerLike;
  /** Number of detector workers. Default: the number of cores, at most `MAX_DETECTORS`. */
  detectors?: number;
}

const MAX_DETECTORS = 4;
/** Maximum bytes of events in flight to each detector. */
const MAX_BYTES_EACH = 32 << 20;

/** Creates an analysis by a pack of rules. Workers start with the first events. */
export function createAnalysis(setup: AnalysisSetup, rules: string, scope: AnalysisScope = {}): Analysis {
  return new WorkersAnalysis(setup, rules, scope);
}

interface Started {
  readonly remote: Remote<AnalysisWorker>;
  readonly begun: Promise<void>;
}

class WorkersAnalysis implements Analysis {
  readonly #setup: AnalysisSetup;
  readonly #rules: string;
  readonly #scope: AnalysisScope;
  readonly #module: Promise<WebAssembly.Module>;
  readonly #group = new WorkerGroup("analyzer");
  readonly #service: Started;
  readonly #detectors: WorkerPool<Started>;
  #detected: Promise<unknown> = Promise.resolve();

  constructor(setup: AnalysisSetup, rules: string, scope: AnalysisScope) {
    this.#setup = setup;
    this.#rules = rules;
    this.#scope = scope;
    this.#module = setup.module();
    this.#service = this.#start({ role: "service", maxFindings: scope.maxFindings });
    const cores = globalThis.navigator?.hardwareConcurrency ?? 2;
    this.#detectors = new WorkerPool({
      maxLoad: MAX_BYTES_EACH,
      growth: {
        start: () => this.#startDetector(),
        maxWorkers: setup.detectors ?? Math.max(1, Math.min(MAX_DETECTORS, cores)),
        busyLoad: 1,
      },
    });
  }

  async add(events: readonly Lines[]): Promise<void> {
    const bytes = events.reduce((sum, { length }) => sum + length, 0);
    const detected = this.#call(() =>
      this.#detectors.run(bytes, async ({ begun, remote }) => {
        await begun;
        await remote.detect(transfer(events, ...events));
      }),
    );
    detected.catch((error: Error) => this.#group.end(error));
    this.#detected = Promise.all([this.#detected, detected]);
    this.#detected.catch(() => {});
    await this.#call(() => this.#detectors.room());
  }

  status(facts: Facts | undefined): Promise<FindingsStatus> {
    return this.#call(async (service) => {
      if (facts !== undefined) {
        await this.#detected;
      }
      return service.status(facts);
    });
  }

  readonly select: Analysis["select"] = (entries) => this.#call((service) => service.select(entries));
  readonly list: Analysis["list"] = (...args) => this.#call((service) => service.list(...args));
  readonly groups: Analysis["groups"] = (...args) => this.#call((service) => service.groups(...args));
  readonly members: Analysis["members"] = (...args) => this.#call((service) => service.members(...args));
  readonly findingsOf: Analysis["findingsOf"] = (...args) => this.#call((service) => service.findingsOf(...args));
  readonly entriesOf: Analysis["entriesOf"] = (id) => this.#call((service) => service.entriesOf(id));
  readonly document: Analysis["document"] = () => this.#call((service) => service.document());
  readonly filed: Analysis["filed"] = () => this.#call((service) => service.filed());

  close(): void {
    this.#group.end(new DOMException("the analysis was closed", "AbortError"));
  }

  #startDetector(): Started {
    const { port1, port2 } = new MessageChannel();
    const joined = this.#service.begun.then(() => this.#service.remote.join(transfer(port1, port1)));
    return this.#start(
      transfer({ role: "detector", service: port2, range: this.#scope.range } as const, port2),
      joined,
    );
  }

  #start(role: Role, first: Promise<void> = Promise.resolve()): Started {
    const remote = this.#group.add<AnalysisWorker>(this.#setup.worker());
    const begin = async () => {
      await first;
      await remote.begin(await this.#module, this.#rules, role);
    };
    const begun = begin();
    begun.catch((error: Error) => this.#group.end(error));
    return { remote, begun };
  }

  /** Calls the service once it is initialized. */
  #call<T>(call: (service: Remote<AnalysisWorker>) => Promise<T>): Promise<T> {
    return this.#group.ask(async () => {
      await this.#service.begun;
      return call(this.#service.remote);
    });
  }
}
