/** Slicing for a given way to load the core and to start workers. */

import { CountersignError } from "@countersign/shared/error.js";
import type { Remote } from "@countersign/shared/rpc.js";
import { WorkerGroup, type WorkerLike } from "@countersign/shared/rpc.js";
import type { CheckpointMark, Verify } from "@countersign/shared/verify.js";
import { sampleRoot } from "./sample-root.js";
import type { SliceOptions, Slicer } from "./types.js";
import type { SlicerHost, SlicerWorker } from "./work.js";

/** How a runtime loads the core and starts workers. */
export interface SlicerSetup {
  /** The artifact `slicer`: it is asked for when something is. */
  module: () => Promise<WebAssembly.Module>;
  /** Starts a worker that runs `slice/worker`. */
  worker: () => WorkerLike;
  /** Verifies what is to be explained. */
  verify: Verify;
}

/** Larger proofs are not explained; the core says so too. */
const MAX_PROOF = 64 << 20;

/** Makes a slicer. */
export function createSlicer({ module, worker, verify }: SlicerSetup): Slicer {
  const ask = async <T>(
    { told, signal }: Pick<SliceOptions, "told" | "signal">,
    work: (remote: Remote<SlicerWorker>) => Promise<T>,
  ): Promise<T> => {
    signal?.throwIfAborted();
    const loaded = await module();
    signal?.throwIfAborted();
    const group = new WorkerGroup("slicer");
    const host: SlicerHost = { read: (bytes, total) => told?.(bytes, total) };
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
      group.end(new DOMException("it was ended", "AbortError"));
    }
  };
  return {
    slice: (source, selection, { trust, ...options } = {}) =>
      ask(options, (remote) => remote.slice(source, selection, trust)),
    async explain(source, { chain, seq }, { trust, ...options } = {}) {
      const { bytes: proof } = await this.slice(source, { chain, seq }, { trust, ...options });
      if (proof.size > MAX_PROOF) {
        throw new CountersignError("source.invalid", "the proof of this event is too large to be explained", {
          hint: "its chain has many links before the next signature: save the proof and verify it",
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
      const { steps } = await ask({ signal: options.signal }, (remote) => remote.explain(proof, event, trust));
      return { proof, report, notNeeded, steps };
    },
    sha256: (source, options = {}) => ask(options, (remote) => remote.sha256(source)),
    writeEvidence: (...given) => ask({}, (remote) => remote.writeEvidence(...given)),
    writeReport: (filing) => ask({}, (remote) => remote.writeReport(filing)),
    async openEvidence(file) {
      const evidence = await ask({}, (remote) => remote.readEvidence(file));
      const leaves: number[] = [];
      const checkpoints: CheckpointMark[] = [];
      const { report } = await verify(evidence.export, {
        trust: evidence.trust,
        pins: evidence.pins,
        onEvents: (batch) => {
          for (const { index } of batch) {
            leaves.push(index);
          }
        },
        onMarks: (marks) => {
          checkpoints.push(...marks.filter((mark) => mark.kind === "checkpoint"));
        },
      });
      const root = sampleRoot(checkpoints, report.origin);
      const shown = { report, leaves: Float64Array.from(leaves), root };
      await ask({}, (remote) => remote.holdEvidence(evidence.frame, shown));
      return evidence;
    },
    draw: (drawing) => ask({}, (remote) => remote.draw(drawing)),
  };
}
