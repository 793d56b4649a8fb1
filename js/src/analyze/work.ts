/** A worker that looks for findings: it is told what it is there for, and serves until it is terminated. */

import { connect, moving, type Port, type Remote } from "../calls/calls.js";
import init, { Detector } from "../wasm/analyzer.js";
import { detectIn } from "./detecting.js";
import { Keeper } from "./keeper.js";
import type { AnalysisWorker, PieceTaker } from "./roles.js";

/** Serves the page on the other side of a port. */
export function work(port: Port): void {
  let keeper: Keeper | undefined;
  let detector: { readonly detector: Detector; readonly keeper: Remote<PieceTaker> } | undefined;
  /** What is detected in, one blob after the other. */
  let detecting: Promise<void> = Promise.resolve();
  const kept = (): Keeper => {
    if (keeper === undefined) {
      throw new Error("this worker keeps no findings");
    }
    return keeper;
  };
  const detect = async (events: Blob): Promise<void> => {
    if (detector === undefined) {
      throw new Error("this worker detects nothing");
    }
    await detectIn(detector.detector, events);
    const piece = detector.detector.finish() as Uint8Array<ArrayBuffer>;
    await detector.keeper.take(moving(piece, piece));
  };
  const ours: AnalysisWorker = {
    begin: async (module, rules, role) => {
      await init({ module_or_path: module as WebAssembly.Module });
      if (role.role === "detector") {
        detector = { detector: new Detector(rules), keeper: connect<PieceTaker>(role.keeper, {}) };
      } else {
        keeper = new Keeper(rules);
      }
    },
    detect: (events) => {
      detecting = detecting.then(() => detect(events));
      return detecting;
    },
    join: (from) => {
      connect(from, { take: (piece: Uint8Array<ArrayBuffer>) => kept().take(piece) });
    },
    tell: (facts) => kept().tell(facts),
    list: (from, to, rule) => kept().list(from, to, rule),
    of: (leaf, most) => kept().of(leaf, most),
    leaves: (id) => kept().leaves(id),
    document: () => kept().document(),
  };
  connect(port, ours);
}
