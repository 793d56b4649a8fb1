/** Slicing, proofs, and evidence files: the page's side. */

import { CountersignError } from "@countersign/shared/error.js";
import type { Remote } from "@countersign/shared/rpc.js";
import { WorkerGroup, type WorkerLike } from "@countersign/shared/rpc.js";
import type { CheckpointMark, Verify } from "@countersign/shared/verify.js";
import { sampleRoot } from "./sample-root.js";
import type { DetectInExport, Evidence, SearchExport, SliceOptions, Slicer } from "./types.js";
import { UNRECOGNIZED } from "./unrecognized.js";
import type { SlicerHost, SlicerWorker, VerifiedExport } from "./work.js";

/** The WebAssembly module and the workers of a slicer. */
export interface SlicerSetup {
  /** Loads the module `slicer`, on first use. */
  module: () => Promise<WebAssembly.Module>;
  /** Starts a worker that runs `slice/worker`. */
  worker: () => WorkerLike;
  /** Verifies a proof before it is explained. */
  verify: Verify;
}

/** Maximum size of a proof that can be explained, in bytes. The core has the same limit. */
const MAX_PROOF_BYTES = 64 << 20;

/** Repeats the search of an evidence file that contains everything that was examined. */
async function searchAgain(
  { frame, export: source, trust, pins }: Evidence,
  search: SearchExport | undefined,
): Promise<Pick<VerifiedExport, "selected" | "unrecognized">> {
  const { query, slice, time } = JSON.parse(frame) as { query: string | null; slice: object | null; time: string };
  if (query === null || slice !== null || search === undefined) {
    return {};
  }
  const given = { queries: [query, UNRECOGNIZED], at: Date.parse(time), trust, pins };
  const [selected, unrecognized] = await search(source, given);
  return { selected, unrecognized };
}

/** Runs the rules of an evidence file again, if it contains everything that they examined. */
async function detectAgain(
  { frame, export: source, trust, pins, rules }: Evidence,
  detect: DetectInExport | undefined,
): Promise<Pick<VerifiedExport, "detections">> {
  const { slice, scope, detections } = JSON.parse(frame) as {
    slice: object | null;
    scope: { range: readonly [number, number] | null };
    detections: { findings: number } | null;
  };
  if (rules === undefined || slice !== null || detect === undefined) {
    return {};
  }
  const examined = { range: scope.range ?? undefined, maxFindings: detections?.findings };
  return { detections: await detect(source, { rules, scope: examined, trust, pins }) };
}

/** Creates a slicer. */
export function createSlicer({ module, worker, verify }: SlicerSetup): Slicer {
  const withSlicer = async <T>(
    { onProgress, signal }: Pick<SliceOptions, "onProgress" | "signal">,
    work: (remote: Remote<SlicerWorker>) => Promise<T>,
  ): Promise<T> => {
    signal?.throwIfAborted();
    const loaded = await module();
    signal?.throwIfAborted();
    const group = new WorkerGroup("slicer");
    const host: SlicerHost = { progress: (bytes, total) => onProgress?.(bytes, total) };
    const remote = group.add<SlicerWorker>(worker(), host);
    const abort = () => group.end(signal?.reason);
    signal?.addEventListener("abort", abort);
    try {
      return await group.ask(async () => {
        await remote.begin(loaded);
        return work(remote);
      });
    } finally {
      signal?.removeEventListener("abort", abort);
      group.end(new DOMException("the worker is no longer needed", "AbortError"));
    }
  };
  return {
    slice: (source, selection, { trust, ...options } = {}) =>
      withSlicer(options, (remote) => remote.slice(source, selection, trust)),
    async explain(source, { chain, seq }, { trust, ...options } = {}) {
      const { bytes: proof } = await this.slice(source, { chain, seq }, { trust, ...options });
      if (proof.size > MAX_PROOF_BYTES) {
        throw new CountersignError("source.invalid", "the proof of this event is too large to explain", {
          hint: "save the proof and verify it instead",
        });
      }
      let covered = false;
      const acting: number[] = [];
      const { report, notNeeded } = await verify(proof, {
        trust,
        threads: 1,
        signal: options.signal,
        onEvents: (batch) => {
          for (const event of batch) {
            covered ||= event.chain === chain && event.seq === seq;
          }
        },
        onMarks: (marks) => {
          for (const mark of marks) {
            if (mark.kind === "note" && mark.acts) {
              acting.push(mark.index);
            }
          }
        },
      });
      const event = { chain, seq, report, covered, acting: Float64Array.from(acting) };
      const { steps } = await withSlicer({ signal: options.signal }, (remote) => remote.explain(proof, event, trust));
      return { proof, report, notNeeded, steps };
    },
    sha256: (source, options = {}) => withSlicer(options, (remote) => remote.sha256(source)),
    writeEvidence: (...args) => withSlicer({}, (remote) => remote.writeEvidence(...args)),
    writeReport: (filing) => withSlicer({}, (remote) => remote.writeReport(filing)),
    async openEvidence(file, search, detect) {
      const evidence = await withSlicer({}, (remote) => remote.readEvidence(file));
      const entries: number[] = [];
      const checkpoints: CheckpointMark[] = [];
      const { report } = await verify(evidence.export, {
        trust: evidence.trust,
        pins: evidence.pins,
        onEvents: (batch) => {
          for (const { index } of batch) {
            entries.push(index);
          }
        },
        onMarks: (marks) => {
          checkpoints.push(...marks.filter((mark) => mark.kind === "checkpoint"));
        },
      });
      const root = sampleRoot(checkpoints, report.origin);
      const again = { ...(await searchAgain(evidence, search)), ...(await detectAgain(evidence, detect)) };
      const shown = { report, entries: Float64Array.from(entries), root, ...again };
      await withSlicer({}, (remote) => remote.holdEvidence(evidence.frame, shown));
      return evidence;
    },
    draw: (drawing) => withSlicer({}, (remote) => remote.draw(drawing)),
  };
}
