/** A worker that makes summaries of stretches. */

import { connect, moving, type Port } from "../calls/calls.js";
import { Summarizer } from "../wasm/verifier.js";
import type { SummarizerWorker } from "./roles.js";

/** Serves a coordinator. */
export function summarize(coordinator: Port, trust: Uint8Array | undefined): void {
  let summarizer: Summarizer | undefined;
  const begun = (): Summarizer => {
    if (summarizer === undefined) {
      throw new Error("the origin comes first");
    }
    return summarizer;
  };
  const ours: SummarizerWorker = {
    begin: (origin) => {
      summarizer = new Summarizer(origin, trust);
    },
    learn: (opened) => begun().learn(opened),
    summarize: (stretch) => {
      const length = begun().summarize(stretch);
      const fits = stretch.length + length <= stretch.buffer.byteLength;
      const summary = fits ? new Uint8Array(stretch.buffer, stretch.length, length) : new Uint8Array(length);
      begun().takeSummary(summary);
      return moving({ summary, stretch }, summary, stretch);
    },
  };
  connect(coordinator, ours);
}
