/** A worker that makes summaries of stretches. */

import { Summarizer } from "../wasm/verifier.js";
import { type FromSummarizer, moved, type Port, release, type ToSummarizer } from "./protocol.js";

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
    const { number, stretch, giveBack } = message;
    const summary = summarizer.summarize(stretch);
    if (giveBack) {
      coordinator.postMessage({ number, summary, stretch }, moved(summary, stretch));
    } else {
      release(stretch);
      coordinator.postMessage({ number, summary, stretch: undefined }, moved(summary));
    }
  };
  coordinator.onmessage = ({ data }) => {
    try {
      receive(data);
    } catch (error) {
      fail(error);
    }
  };
}
