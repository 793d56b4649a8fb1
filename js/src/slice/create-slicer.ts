/** Slicing for a given way to load the core and to start workers. */

import { deferred } from "../deferred.js";
import { CountersignError } from "../error.js";
import type { Verify, WorkerLike } from "../verify/create-verifier.js";
import { engineError, FAILED } from "../verify/engine.js";
import { plainError } from "../verify/messages.js";
import type { FromSlicer, Job, ToSlicer } from "./messages.js";
import type { SliceOptions, Slicer } from "./types.js";

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

type Answer<Kind extends Job["kind"]> = Extract<FromSlicer, { type: Kind }>;

/** Makes a slicer. */
export function createSlicer({ module, worker, verify }: SlicerSetup): Slicer {
  const ask = async <Kind extends Job["kind"]>(
    job: Job & { kind: Kind },
    { told, signal }: Pick<SliceOptions, "told" | "signal">,
  ): Promise<Answer<Kind>> => {
    signal?.throwIfAborted();
    const loaded = await module();
    signal?.throwIfAborted();
    const started = worker();
    const answer = deferred<Answer<Kind>>();
    const abort = () => answer.reject(signal?.reason);
    signal?.addEventListener("abort", abort);
    started.onmessage = ({ data }) => {
      const message = data as FromSlicer;
      if (message.type === "read") {
        told?.(message.bytes, message.total);
      } else if (message.type === "failed") {
        answer.reject(engineError(message.error));
      } else {
        answer.resolve(message as Answer<Kind>);
      }
    };
    started.onmessageerror = () => answer.reject(engineError(plainError(new Error("a message could not be read"))));
    started.onerror = (event) => {
      event.preventDefault?.();
      const message = event.message ?? "it did not start";
      answer.reject(new CountersignError("worker.failed", `a worker failed: ${message}`, { hint: FAILED }));
    };
    started.postMessage({ module: loaded, job } satisfies ToSlicer, []);
    try {
      return await answer.promise;
    } finally {
      signal?.removeEventListener("abort", abort);
      started.terminate();
    }
  };
  return {
    async slice(source, selection, { trust, ...options } = {}) {
      const job = { kind: "slice", source, selection, trust: bytesOf(trust) } as const;
      const { bytes, events } = await ask(job, options);
      return { bytes, events };
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
      const found = { report, covered, acting: Float64Array.from(acting) };
      const job = { kind: "explain", source: proof, chain, seq, trust: bytesOf(trust), ...found } as const;
      const { explained } = await ask(job, { signal: options.signal });
      return { proof, ...explained };
    },
    async sha256(source, options = {}) {
      return (await ask({ kind: "sha256", source, trust: undefined }, options)).sha256;
    },
  };
}

function bytesOf(trust: string | undefined): Uint8Array | undefined {
  return trust === undefined ? undefined : new TextEncoder().encode(trust);
}
