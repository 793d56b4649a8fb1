/** A worker that looks for findings: it is told what it is there for, and serves until it is terminated. */

import { connect, moving, type Port, type Remote } from "../calls/calls.js";
import { turn } from "../index/turn.js";
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
    list: async (...given) => running().list(...given),
    of: async (...given) => running().of(...given),
    leaves: async (id) => running().leaves(id),
    document: () => running().document(),
  };
  connect(port, ours);
}

/** How much is read at a time, in bytes; more where one line is longer. */
const READ = 4 << 20;
/** How much is detected in before the clock is looked at. */
const AT_ONCE = 128 << 10;
/** How long, in milliseconds, work goes on before messages have their turn. */
const WORK = 12;

const LF = 0x0a;

/** Looks at all events of a blob: whole lines as the verifier writes them. */
export async function detectIn(detector: Detector, events: Blob): Promise<void> {
  let size = READ;
  let begun = performance.now();
  for (let at = 0; at < events.size; ) {
    const bytes = new Uint8Array(await events.slice(at, at + size).arrayBuffer());
    const end = bytes.lastIndexOf(LF) + 1;
    if (end === 0 && at + size >= events.size) {
      throw new Error("the events end within a line");
    }
    size = end === 0 ? size * 2 : READ;
    at += end;
    for (let from = 0; from < end; ) {
      const to = bytes.indexOf(LF, Math.min(from + AT_ONCE, end - 1)) + 1;
      detector.detect(bytes.subarray(from, to));
      from = to;
      if (performance.now() - begun >= WORK) {
        await turn();
        begun = performance.now();
      }
    }
  }
}
