/** A worker that looks for findings: it is told what it is there for, and serves until it is terminated. */

import { connect, type Port, type Remote, transfer } from "@countersign/shared/rpc.js";
import { inPieces, type Lines } from "../index/in-pieces.js";
import init, { Detector } from "../wasm/analyzer.js";
import { FindingsService } from "./findings-service.js";
import type { AnalysisWorker, PieceTaker } from "./roles.js";

/** Serves the page on the other side of a port. */
export function work(port: Port): void {
  /** What `begin` makes, which comes first: one or the other. */
  let service: FindingsService;
  let detector: { readonly detector: Detector; readonly service: Remote<PieceTaker> };
  /** What is detected in, one segment after the other. */
  let detecting: Promise<void> = Promise.resolve();
  const detect = async (events: readonly Lines[]): Promise<void> => {
    const { detector: one, service } = detector;
    for (const part of events) {
      await inPieces(part, (lines) => one.detect(lines));
    }
    const piece = one.finish() as Uint8Array<ArrayBuffer>;
    await service.take(transfer(piece, piece));
  };
  const ours: AnalysisWorker = {
    begin: async (module, rules, role) => {
      await init({ module_or_path: module as WebAssembly.Module });
      if (role.role === "detector") {
        detector = { detector: new Detector(rules), service: connect<PieceTaker>(role.service, {}, "analyzer") };
      } else {
        service = new FindingsService(rules);
      }
    },
    detect: (events) => {
      detecting = detecting.then(() => detect(events));
      return detecting;
    },
    join: (from) => {
      connect(from, { take: (piece: Uint8Array<ArrayBuffer>) => service.take(piece) }, "analyzer");
    },
    tell: (facts) => service.tell(facts),
    select: (entries) => service.select(entries),
    list: async (...given) => service.list(...given),
    of: async (...given) => service.of(...given),
    entries: async (id) => service.entries(id),
    document: () => service.document(),
  };
  connect(port, ours, "host");
}
