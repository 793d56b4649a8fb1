/** Links that were signed together and go to the log together. */

import { concat } from "../bytes.js";
import type { Taken } from "../record/handle.js";

/** Whole lines of one chain, the last of them signed. */
export interface Batch {
  /** Its entry in the outbox. */
  readonly id: number;
  readonly chain: string;
  /** The `seq` of its first and of its last link. */
  readonly from: number;
  readonly to: number;
  readonly lines: Uint8Array<ArrayBuffer>;
  /** Its events; none where an earlier recorder wrote it. */
  readonly taken: readonly Taken[];
  /** Whether the outbox has it. */
  kept: boolean;
}

/** The last link of a batch. */
export function lastLink({ lines }: Batch): string {
  const begin = lines.lastIndexOf(0x0a, lines.length - 2) + 1;
  return linkOf(new TextDecoder().decode(lines.subarray(begin)));
}

/** A batch's lines as texts. */
function linesOf({ lines }: Batch): string[] {
  const text = new TextDecoder().decode(lines);
  return text.split("\n").filter((line) => line !== "");
}

/** The links of a batch's lines, in order. */
export function linksOf(batch: Batch): string[] {
  return linesOf(batch).map(linkOf);
}

function linkOf(line: string): string {
  return (JSON.parse(line) as { link: string }).link;
}

/** An event's line, up to the members that the core writes for a queued event. */
const EVENT_LINE = /^\{"link":"countersign\/v1 event \S+ \d+ (\S+) [^"]*","salt":"([^"]*)","event":(.*)\}$/;

/** The events of a batch's lines, in order, each as the core keeps one that has no link yet. */
export function eventsOf(batch: Batch): string[] {
  return linesOf(batch).flatMap((line) => {
    const [, time = "", salt, event] = EVENT_LINE.exec(line) ?? [];
    return event === undefined ? [] : [`${Date.parse(time)} ${salt} ${event}`];
  });
}

/** Batches as one body. */
export function join(batches: readonly Batch[]): Uint8Array<ArrayBuffer> {
  const [only] = batches;
  if (batches.length === 1 && only !== undefined) {
    return only.lines;
  }
  return concat(batches.map(({ lines }) => lines));
}
