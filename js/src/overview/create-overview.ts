/** The page's side of learning of endpoints and simulating years. */

import { connect, end, FAILED, type Remote, type WorkerLike, watch } from "../calls/calls.js";
import { deferred } from "../deferred.js";
import { CountersignError } from "../error.js";
import { inTurn } from "../in-turn.js";
import type { Overview } from "./types.js";
import type { OverviewWorker } from "./work.js";

/** How a page loads the artefact and starts workers. */
export interface OverviewSetup {
  /** The artefact `overview`: it is asked for when something is. */
  module: () => Promise<WebAssembly.Module>;
  /** Starts a worker that runs `overview/worker`. */
  worker: () => WorkerLike;
}

/** Makes it. Nothing is loaded before something is asked for. */
export function createOverview({ module, worker }: OverviewSetup): Overview {
  return {
    async endpoints(description) {
      const loaded = await module();
      const hired = hire(worker());
      // What comes is taken before what is asked for afterwards is told.
      const next = inTurn();
      const ask = <T>(call: (remote: Remote<OverviewWorker>) => Promise<T>) => next(() => hired.ask(call));
      try {
        await ask((remote) => remote.begin(loaded, description));
      } catch (error) {
        hired.dismiss();
        throw error;
      }
      return {
        add: (events) => ask((remote) => remote.add(events)),
        tell: (of) => ask((remote) => remote.tell(of)),
        close: hired.dismiss,
      };
    },
    async expose(scenarios, of) {
      const loaded = await module();
      const hired = hire(worker());
      try {
        return await hired.ask((remote) => remote.expose(loaded, scenarios, of));
      } finally {
        hired.dismiss();
      }
    },
  };
}

/** A worker that is asked until it is dismissed. */
function hire(worker: WorkerLike) {
  const failure = deferred<never>();
  // Nobody may be waiting for it.
  failure.promise.catch(() => {});
  const remote = connect<OverviewWorker>(worker, {});
  watch(worker, (message) =>
    failure.reject(new CountersignError("worker.failed", `a worker failed: ${message}`, { hint: FAILED })),
  );
  return {
    ask: <T>(call: (remote: Remote<OverviewWorker>) => Promise<T>) => Promise.race([call(remote), failure.promise]),
    dismiss: () => {
      failure.reject(new DOMException("it was ended", "AbortError"));
      end(worker);
    },
  };
}
