/** Answers to writers and readers of a tenant log (SPEC section 16.8). */

import { placeOf } from "./chain.ts";
import type { OperatorLog } from "./log.ts";
import { base64 } from "./notes.ts";

/** Returns the answer to a submission of links, with the head of a tick. Without links, it is that to a reader. */
export function answerOf(log: OperatorLog, tick: number, links: readonly string[], since: string | null): object {
  const { directory, history, tree } = log.tickAt(tick);
  const receipts = links.map((link) => {
    const { chain, seq } = placeOf(link);
    const index = history.entries.findIndex((entry) => entry.link === link);
    return [chain, { seq, index, hashes: index === -1 ? [] : tree.inclusion(index).map(base64) }] as const;
  });
  const fields = {
    head: directory.lines("head"),
    // The last link of each chain.
    chains: Object.fromEntries(receipts),
    notes: [],
    added: links.length,
    repeated: 0,
    ...(since !== null && growthSince(log, tick, since)),
  };
  return { root: log.rootProof(tick), logs: { [log.origin]: fields } };
}

/** Returns the anchors and consistency proofs since `<size>,<tick>`. */
function growthSince(log: OperatorLog, tick: number, since: string): object {
  const [fromSize = 0, fromTick = 0] = since.split(",").map(Number);
  const ticks = log.anchorsOf(tick).filter((anchor) => anchor >= fromTick);
  let size = fromSize;
  const consistencyTo = (next: number) => {
    const { tree } = log.tickAt(next);
    const proof = tree.consistency(size).map(base64);
    size = tree.size;
    return proof;
  };
  const anchors = ticks.slice(fromSize === 0 ? -1 : -32).map((anchor) => ({
    anchor: log.anchor(anchor, tick),
    consistency: consistencyTo(anchor),
  }));
  return { anchors, consistency: consistencyTo(tick) };
}
