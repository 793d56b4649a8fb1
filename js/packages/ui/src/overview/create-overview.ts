/** The page's side of learning of endpoints and simulating years. */

import { inTurn } from "@countersign/shared/promises.js";
import { transfer, WorkerGroup, type WorkerLike } from "@countersign/shared/rpc.js";
import type { Overview } from "./types.js";
import type { OverviewWorker } from "./work.js";

/** How a page loads the artifact and starts workers. */
export interface OverviewSetup {
  /** The artifact `overview`: it is asked for when something is. */
  module: () => Promise<WebAssembly.Module>;
  /** Starts a worker that runs `overview/worker`. */
  worker: () => WorkerLike;
}

/** Makes it. Nothing is loaded before something is asked for. */
export function createOverview({ module, worker }: OverviewSetup): Overview {
  const start = () => {
    const group = new WorkerGroup("overview");
    const remote = group.add<OverviewWorker>(worker());
    return { group, remote, close: () => group.end(new DOMException("it was ended", "AbortError")) };
  };
  return {
    async endpoints(description) {
      const loaded = await module();
      const { group, remote, close } = start();
      // What comes is taken before what is asked for afterwards is told.
      const next = inTurn();
      const ask = <T>(call: () => Promise<T>) => next(() => group.ask(call));
      try {
        await ask(() => remote.begin(loaded, description));
      } catch (error) {
        close();
        throw error;
      }
      return {
        add: (events) => ask(() => remote.add(transfer(events, events))),
        tell: (of) => ask(() => remote.tell(of)),
        close,
      };
    },
    async expose(scenarios, of, signals) {
      const loaded = await module();
      const { group, remote, close } = start();
      try {
        return await group.ask(() => remote.expose(loaded, scenarios, of, signals));
      } finally {
        close();
      }
    },
  };
}
