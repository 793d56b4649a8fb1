/** Exports of a tenant log (SPEC sections 7 and 16.5). */

import { lineOf } from "./chain.ts";
import type { OperatorLog } from "./log.ts";

/** Returns the export of all entries at a tick. */
export function exportOf(log: OperatorLog, tick: number): string {
  const { entries } = log.tickAt(tick).history;
  const header = { countersign: "export/v1", origin: log.origin, range: [0, entries.length] };
  const lines = [JSON.stringify(header)];
  // An anchor comes after as many entries as it states. One that states more than there are is at the end.
  const anchors = log.anchorsOf(tick).map((anchor) => ({
    size: Math.min(log.tickAt(anchor).tree.size, entries.length),
    line: JSON.stringify({ anchor: log.anchor(anchor, tick) }),
  }));
  for (let size = 0; size <= entries.length; size++) {
    const entry = entries[size];
    lines.push(...anchors.filter((anchor) => anchor.size === size).map(({ line }) => line));
    lines.push(...(entry === undefined ? [] : [lineOf(entry)]));
  }
  return `${lines.join("\n")}\n${JSON.stringify({ head: log.headProof(tick) })}\n`;
}
