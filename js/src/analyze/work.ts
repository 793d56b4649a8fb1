/** A worker that looks for findings: it is told what it is there for, and serves until it is terminated. */

import { connect, moving, type Port, type Remote } from "../calls/calls.js";
import { inPieces } from "../index/in-pieces.js";
import init, { Detector } from "../wasm/analyzer.js";
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
    const { detector: one } = detector;
    await inPieces(events, (lines) => one.detect(lines));
    const piece = one.finish() as Uint8Array<ArrayBuffer>;
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
    list: async (...given) => running().list(...given),
    of: async (...given) => running().of(...given),
    leaves: async (id) => running().leaves(id),
    document: () => running().document(),
  };
  connect(port, ours);
}
