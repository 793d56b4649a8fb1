/** A worker that makes summaries of stretches. */

import { Summarizer } from "../wasm/verifier.js";
import { type FromSummarizer, moved, type ToSummarizer } from "./messages.js";
import type { Port } from "./port.js";

/** Serves a coordinator. */
export function summarize(
  coordinator: Port<ToSummarizer, FromSummarizer>,
  trust: Uint8Array | undefined,
  fail: (error: unknown) => void,
): void {
  let summarizer: Summarizer | undefined;
  const receive = (message: ToSummarizer) => {
    if (message.type === "origin") {
      summarizer = new Summarizer(message.origin, trust);
      return;
    }
    if (summarizer === undefined) {
      throw new Error("the origin comes first");
    }
    if (message.type === "opened") {
      summarizer.learn(message.opened);
      return;
    }
    const { number, stretch } = message;
    const length = summarizer.summarize(stretch);
    const fits = stretch.length + length <= stretch.buffer.byteLength;
    const summary = fits ? new Uint8Array(stretch.buffer, stretch.length, length) : new Uint8Array(length);
    summarizer.takeSummary(summary);
    coordinator.postMessage({ number, summary, stretch }, moved(summary, stretch));
  };
  coordinator.onmessage = ({ data }) => {
    try {
      receive(data);
    } catch (error) {
      fail(error);
    }
  };
}
