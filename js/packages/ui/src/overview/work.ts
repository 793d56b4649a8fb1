/** A worker that builds an inventory of endpoints, or simulates exposure. */

import { connect, type Port } from "@countersign/shared/rpc.js";
import type { LogSummary } from "../analyze/types.js";
import { inPieces, type Lines } from "../index/in-pieces.js";
import init, { Signals as CoreSignals, Endpoints, expose } from "../wasm/overview.js";
import type { Exposure, ScenarioFile, ScenarioProblem, Signals } from "./types.js";

/** Calls from the page to the worker. */
export interface OverviewWorker {
  begin(module: WebAssembly.Module, description: string | undefined): Promise<void>;
  add(events: Lines): Promise<void>;
  inventory(log: LogSummary): string;
  expose(
    module: WebAssembly.Module,
    scenarios: readonly ScenarioFile[],
    log: Pick<LogSummary, "origin" | "log">,
    signals: Signals | undefined,
  ): Promise<Exposure | readonly ScenarioProblem[]>;
}

/** Serves the page at the other end of a port. */
export function work(port: Port): void {
  /** Set by `begin`. */
  let endpoints: Endpoints;
  const api: OverviewWorker = {
    begin: async (module, description) => {
      await init({ module_or_path: module });
      endpoints = new Endpoints(description);
    },
    add: (events) => inPieces(events, (lines) => endpoints.take(lines)),
    inventory: ({ origin, log, verdict, complete }) =>
      endpoints.describe(
        origin ?? undefined,
        log?.size,
        log?.root,
        verdict,
        complete === null ? undefined : Float64Array.from(complete),
      ),
    expose: async (module, scenarios, { origin, log }, signals) => {
      await init({ module_or_path: module });
      return expose(
        scenarios.map(({ name }) => name),
        scenarios.map(({ text }) => text),
        origin ?? undefined,
        log?.size,
        log?.root,
        signals && toCore(signals),
      ) as Exposure | readonly ScenarioProblem[];
    },
  };
  connect(port, api, "host");
}

function toCore({ from, to, stated, complete, events, unparsed, findings, tags, endpoints }: Signals): CoreSignals {
  const all = new CoreSignals(from, to, stated, complete);
  all.set_unparsed(unparsed, events);
  for (const { rule, title, level, signer_trust, entries } of findings) {
    all.found(rule, title, level, signer_trust ?? undefined, [...(tags.get(rule) ?? [])], Float64Array.from(entries));
  }
  for (const { method, service, path, operation, flags, entries } of endpoints) {
    all.called(method ?? service, path ?? operation, [...flags], Float64Array.from(entries));
  }
  return all;
}
