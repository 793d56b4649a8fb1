/** Hands an index what a verifier would. */

import type { EventIndex } from "../../packages/ui/dist/index/types.js";

/** How a line of a batch begins, for an event of this number. */
export interface Place {
  readonly line?: number;
  readonly index?: number;
  readonly chain?: string;
  readonly seq?: number;
  readonly time?: string;
  readonly vkey?: string;
  readonly authorized?: boolean;
}

const encoder = new TextEncoder();

/** A batch of events, each JSON as it stands. */
export function batchOf(
  events: readonly string[],
  place: (nth: number) => Place = () => ({}),
): Uint8Array<ArrayBuffer> {
  const lines = events.map((event, nth) => {
    const usual = { line: nth + 2, index: nth, chain: "ab".repeat(16), seq: nth + 1, time: "2026-11-20T06:01:02.345Z" };
    const all = { ...usual, authorized: true, vkey: "example.com+0123abcd+AAAA", ...place(nth) };
    return `${JSON.stringify(all).slice(0, -1)},"event":${event}}\n`;
  });
  return encoder.encode(lines.join(""));
}

/** Puts events into an index. */
export async function put(index: EventIndex, events: readonly string[], place?: (nth: number) => Place): Promise<void> {
  await index.add(batchOf(events, place));
  await index.settle(true);
}
