/** A worker that looks for findings: it is told what it is there for, and serves until it is terminated. */

import { connect, moving, type Port, type Remote } from "../calls/calls.js";
import init, { Detector } from "../wasm/analyzer.js";
import { detectIn } from "./detecting.js";
import { FindingsService } from "./findings-service.js";
import type { AnalysisWorker, PieceTaker } from "./roles.js";

/** Serves the page on the other side of a port. */
export function work(port: Port): void {
  let service: FindingsService | undefined;
  let detector: { readonly detector: Detector; readonly service: Remote<PieceTaker> } | undefined;
  /** What is detected in, one blob after the other. */
  let detecting: Promise<void> = Promise.resolve();
  const running = (): FindingsService => {
    if (service === undefined) {
      throw new Error("this worker keeps no findings");
    }
    return service;
  };
  const detect = async (events: Blob): Promise<void> => {
    if (detector === undefined) {
      throw new Error("this worker detects nothing");
    }
    await detectIn(detector.detector, events);
    const piece = detector.detector.finish() as Uint8Array<ArrayBuffer>;
    await detector.service.take(moving(piece, piece));
  };
  const ours: AnalysisWorker = {
    begin: async (module, rules, role) => {
      await init({ module_or_path: module as WebAssembly.Module });
      if (role.role === "detector") {
        detector = { detector: new Detector(rules), service: connect<PieceTaker>(role.service, {}) };
      } else {
        service = new FindingsService(rules);
      }
    },
    detect: (events) => {
      detecting = detecting.then(() => detect(events));
      return detecting;
    },
    join: (from) => {
      connect(from, { take: (piece: Uint8Array<ArrayBuffer>) => running().take(piece) });
    },
    tell: (facts) => running().tell(facts),
    list: (from, to, rule) => running().list(from, to, rule),
    of: (leaf, most) => running().of(leaf, most),
    leaves: (id) => running().leaves(id),
    document: () => running().document(),
  };
  connect(port, ours);
}
