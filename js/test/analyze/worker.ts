/** Runs an analysis in a Worker on one thread, in batches of a given size. */

import init, { Detector, Findings } from "../../packages/ui/dist/wasm/analyzer.js";
import module from "../../packages/ui/dist/wasm/analyzer_bg.wasm";

interface AnalysisRequest {
  readonly rules: string;
  readonly events: string;
  readonly facts: string;
  /** Number of lines per batch; batches alternate between the detectors. */
  readonly lines: number;
}

export default {
  async fetch(request: Request): Promise<Response> {
    await init({ module_or_path: module as WebAssembly.Module });
    const { rules, events, facts, lines } = (await request.json()) as AnalysisRequest;
    const findings = new Findings(rules);
    const heard: Uint8Array[] = [];
    const hear = (piece: Uint8Array) => {
      findings.hear(piece.subarray(0, 30));
      heard.push(piece);
    };
    const detectors = [new Detector(rules), new Detector(rules)];
    const all = events.split("\n").slice(0, -1);
    for (let from = 0, turn = 0; from < all.length; from += lines, turn += 1) {
      const detector = detectors[turn % 2];
      detector?.detect(new TextEncoder().encode(`${all.slice(from, from + lines).join("\n")}\n`));
      if (turn % 3 === 0 && detector !== undefined) {
        hear(detector.finish());
      }
    }
    for (const detector of detectors) {
      hear(detector.finish());
    }
    for (let wanted = findings.wants(); wanted !== undefined; wanted = findings.wants()) {
      findings.load(wanted, heard[wanted] ?? new Uint8Array());
      while (findings.step(100)) {}
    }
    findings.report(facts);
    findings.status();
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    for (let piece = findings.document(0, 7); piece !== undefined; piece = findings.document(pieces.length, 7)) {
      pieces.push(piece as Uint8Array<ArrayBuffer>);
    }
    return new Response(new Blob(pieces));
  },
};
