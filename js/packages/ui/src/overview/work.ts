/** A worker that learns of endpoints, or simulates years. */

import { connect, type Port } from "@countersign/shared/rpc.js";
import type { Seen } from "../analyze/types.js";
import { inPieces, type Lines } from "../index/in-pieces.js";
import init, { Endpoints, expose, Signals as Taken } from "../wasm/overview.js";
import type { Exposure, Refused, ScenarioFile, Signals } from "./types.js";

/** What is asked for. */
export interface OverviewWorker {
  begin(module: WebAssembly.Module, description: string | undefined): Promise<void>;
  add(events: Lines): Promise<void>;
  tell(of: Seen): string;
  expose(
    module: WebAssembly.Module,
    scenarios: readonly ScenarioFile[],
    of: Pick<Seen, "origin" | "log">,
    signals: Signals | undefined,
  ): Promise<Exposure | readonly Refused[]>;
}

/** Serves the host on the other side of a port. */
export function work(port: Port): void {
  /** What `begin` makes, which comes first. */
  let endpoints: Endpoints;
  const ours: OverviewWorker = {
    begin: async (module, description) => {
      await init({ module_or_path: module });
      endpoints = new Endpoints(description);
    },
    add: (events) => inPieces(events, (lines) => endpoints.take(lines)),
    tell: ({ origin, log, verdict, complete }) =>
      endpoints.tell(
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
        signals && taken(signals),
      ) as Exposure | readonly Refused[];
    },
  };
  connect(port, ours, "host");
}

function taken({ from, to, stated, complete, findings, tags, endpoints }: Signals): Taken {
  const all = new Taken(from, to, stated, complete);
  for (const { rule, title, level, signerTrust, entries } of findings) {
    all.found(rule, title, level, signerTrust ?? undefined, [...(tags.get(rule) ?? [])], Float64Array.from(entries));
  }
  for (const { method, service, path, operation, flags, entries } of endpoints) {
    all.called(method ?? service, path ?? operation, [...flags], Float64Array.from(entries));
  }
  return all;
}
