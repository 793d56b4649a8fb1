/** Slicing for a given way to load the core and to start workers. */

import { connect, crossed, FAILED, plainError, type Remote } from "../calls/calls.js";
import { deferred } from "../deferred.js";
import { CountersignError } from "../error.js";
import type { Verify, WorkerLike } from "../verify/create-verifier.js";
import type { SliceOptions, Slicer } from "./types.js";
import type { SlicerHost, SlicerWorker } from "./work.js";

/** How a runtime loads the core and starts workers. */
export interface SlicerSetup {
  /** The artefact `slicer`: it is asked for when something is. */
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
    work: (remote: Remote<SlicerWorker>, module: WebAssembly.Module) => Promise<T>,
  ): Promise<T> => {
    signal?.throwIfAborted();
    const loaded = await module();
    signal?.throwIfAborted();
    const started = worker();
    const failure = deferred<never>();
    const abort = () => failure.reject(signal?.reason);
    signal?.addEventListener("abort", abort);
    const host: SlicerHost = { read: (bytes, total) => told?.(bytes, total) };
    const remote = connect<SlicerWorker>(started, host);
    started.onmessageerror = () => failure.reject(crossed(plainError(new Error("a message could not be read"))));
    started.onerror = (event) => {
      event.preventDefault?.();
      const message = event.message ?? "it did not start";
      failure.reject(new CountersignError("worker.failed", `a worker failed: ${message}`, { hint: FAILED }));
    };
    try {
      return await Promise.race([work(remote, loaded), failure.promise]);
    } finally {
      signal?.removeEventListener("abort", abort);
      started.onmessage = null;
      started.terminate();
    }
  };
  return {
    async slice(source, selection, { trust, ...options } = {}) {
      return ask(options, (remote, module) => remote.slice(module, source, selection, bytesOf(trust)));
    },
    async explain(source, { chain, seq }, { trust, ...options } = {}) {
      const { bytes: proof } = await this.slice(source, { chain, seq }, { trust, ...options });
      if (proof.size > MAX_PROOF) {
        throw new CountersignError("source.invalid", "the proof of this event is too large to be explained", {
          hint: "its chain has many links before the next signature: save the proof and verify it",
        });
      }
      let covered = false;
      const acting: number[] = [];
      const { report } = await verify(proof, {
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
      const explained = await ask({ signal: options.signal }, (remote, module) =>
        remote.explain(module, proof, event, bytesOf(trust)),
      );
      return { proof, ...explained };
    },
    async sha256(source, options = {}) {
      return ask(options, (remote, module) => remote.sha256(module, source));
    },
    async writeEvidence(filing, page, source) {
      return ask({}, (remote, module) => remote.writeEvidence(module, filing, page, source));
    },
    async writeReport(filing) {
      return ask({}, (remote, module) => remote.writeReport(module, filing));
    },
    async readEvidence(file) {
      return ask({}, (remote, module) => remote.readEvidence(module, file));
    },
    async holdEvidence(frame, report) {
      return ask({}, (remote, module) => remote.holdEvidence(module, frame, report));
    },
    async draw(drawing) {
      return ask({}, (remote, module) => remote.draw(module, drawing));
    },
  };
}

function bytesOf(trust: string | undefined): Uint8Array | undefined {
  return trust === undefined ? undefined : new TextEncoder().encode(trust);
}
