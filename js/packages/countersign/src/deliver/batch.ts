/** Batches: links that were signed together and are sent together. */

import { concat } from "../bytes.js";
import type { PendingEvent } from "../record/handle.js";

/** Complete lines of one chain. The last one is signed. */
export interface Batch {
  /** ID of its entry in the outbox. */
  readonly id: number;
  readonly chain: string;
  /** The `seq` of its first and its last link. */
  readonly from: number;
  readonly to: number;
  readonly lines: Uint8Array<ArrayBuffer>;
  /** Its pending events; none if an earlier recorder wrote it. */
  readonly pending: readonly PendingEvent[];
  /** True if the outbox contains it. */
  isStored: boolean;
}

/** Returns the last link of a batch. */
export function lastLink({ lines }: Batch): string {
  const begin = lines.lastIndexOf(0x0a, lines.length - 2) + 1;
  return linkOf(new TextDecoder().decode(lines.subarray(begin)));
}

/** Returns a batch's lines as strings. */
function linesOf({ lines }: Batch): string[] {
  const text = new TextDecoder().decode(lines);
  return text.split("\n").filter((line) => line !== "");
}

/** Returns the links of a batch, in order. */
export function linksOf(batch: Batch): string[] {
  return linesOf(batch).map(linkOf);
}

function linkOf(line: string): string {
  return (JSON.parse(line) as { link: string }).link;
}

/** Matches an event's line and captures the time, the salt, and the event. */
const EVENT_LINE = /^\{"link":"countersign\/v1 event \S+ \d+ (\S+) [^"]*","salt":"([^"]*)","event":(.*)\}$/;

/** Returns the events of a batch, in order, in the core's form for queued events. */
export function eventsOf(batch: Batch): string[] {
  return linesOf(batch).flatMap((line) => {
    const [, time = "", salt, event] = EVENT_LINE.exec(line) ?? [];
    return event === undefined ? [] : [`${Date.parse(time)} ${salt} ${event}`];
  });
}

/** Concatenates batches to one body. */
export function join(batches: readonly Batch[]): Uint8Array<ArrayBuffer> {
  const [only] = batches;
  if (batches.length === 1 && only !== undefined) {
    return only.lines;
  }
  return concat(batches.map(({ lines }) => lines));
}
