/** Endpoint inventory and exposure simulation: the page's side. */

import { inTurn } from "@countersign/shared/promises.js";
import { transfer, WorkerGroup, type WorkerLike } from "@countersign/shared/rpc.js";
import type { Overview } from "./types.js";
import type { OverviewWorker } from "./work.js";

/** The WebAssembly module and the workers of an overview. */
export interface OverviewSetup {
  /** Loads the module `overview`, on first use. */
  module: () => Promise<WebAssembly.Module>;
  /** Starts a worker that runs `overview/worker`. */
  worker: () => WorkerLike;
}

/** Creates an overview. Loads nothing until the first call. */
export function createOverview({ module, worker }: OverviewSetup): Overview {
  const start = () => {
    const group = new WorkerGroup("overview");
    const remote = group.add<OverviewWorker>(worker());
    return { group, remote, close: () => group.end(new DOMException("the worker is no longer needed", "AbortError")) };
  };
  return {
    async endpoints(description) {
      const loaded = await module();
      const { group, remote, close } = start();
      // Serialized, so that a status covers all events added before it.
      const next = inTurn();
      const runNext = <T>(call: () => Promise<T>) => next(() => group.ask(call));
      try {
        await runNext(() => remote.begin(loaded, description));
      } catch (error) {
        close();
        throw error;
      }
      return {
        add: (events) => runNext(() => remote.add(transfer(events, events))),
        inventory: (log) => runNext(() => remote.inventory(log)),
        close,
      };
    },
    async expose(scenarios, log, signals) {
      const loaded = await module();
      const { group, remote, close } = start();
      try {
        return await group.ask(() => remote.expose(loaded, scenarios, log, signals));
      } finally {
        close();
      }
    },
  };
}
