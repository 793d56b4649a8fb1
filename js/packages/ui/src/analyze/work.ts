/** A worker of an analysis, as service or detector. Serves until it is terminated. */

import { connect, type Port, type Remote, transfer } from "@countersign/shared/rpc.js";
import { inPieces, type Lines } from "../index/in-pieces.js";
import init, { Detector } from "../wasm/analyzer.js";
import { FindingsService } from "./findings-service.js";
import type { AnalysisWorker, PieceConsumer } from "./roles.js";

/** Serves the page at the other end of a port. */
export function work(port: Port): void {
  /** Set by `begin`, according to the role. */
  let service: FindingsService;
  let detector: { readonly detector: Detector; readonly service: Remote<PieceConsumer> };
  /** Chains calls, because a detector handles one segment at a time. */
  let detecting: Promise<void> = Promise.resolve();
  const detect = async (events: readonly Lines[]): Promise<void> => {
    const { detector: core, service } = detector;
    for (const part of events) {
      await inPieces(part, (lines) => core.detect(lines));
    }
    const piece = core.finish() as Uint8Array<ArrayBuffer>;
    await service.accept(transfer(piece, piece));
  };
  const api: AnalysisWorker = {
    begin: async (module, rules, role) => {
      await init({ module_or_path: module as WebAssembly.Module });
      if (role.role === "detector") {
        detector = {
          detector: new Detector(rules, role.range?.[0], role.range?.[1]),
          service: connect<PieceConsumer>(role.service, {}, "analyzer"),
        };
      } else {
        service = new FindingsService(rules, role.maxFindings);
      }
    },
    detect: (events) => {
      detecting = detecting.then(() => detect(events));
      return detecting;
    },
    join: (from) => {
      connect(from, { accept: (piece: Uint8Array<ArrayBuffer>) => service.accept(piece) }, "analyzer");
    },
    status: (facts) => service.status(facts),
    select: (entries) => service.select(entries),
    list: async (...args) => service.list(...args),
    groups: async (...args) => service.groups(...args),
    members: async (...args) => service.members(...args),
    findingsOf: async (...args) => service.findingsOf(...args),
    entriesOf: async (id) => service.entriesOf(id),
    document: () => service.document(),
    filed: async () => service.filed(),
  };
  connect(port, api, "host");
}
