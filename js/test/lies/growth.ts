/** Answers to growth witnesses (SPEC section 16.10). */

import { DEPTH } from "./directory.ts";
import type { OperatorLog } from "./log.ts";
import { base64 } from "./notes.ts";
import { FIRST_TICK, ROOT } from "./root-log.ts";

const textOf = (lines: readonly object[]) => lines.map((line) => `${JSON.stringify(line)}\n`).join("");

/** Returns the ticks from this one on, or a snapshot of the newest one. */
export function ticksFrom(log: OperatorLog, from: number | undefined): string {
  const newest = log.visibleTick;
  const header = { growth: "countersign/v1", origin: ROOT, first: FIRST_TICK, next: newest + 1 };
  if (from === undefined || from < FIRST_TICK) {
    const edge = log.root.tree.edge(newest).map(base64);
    return textOf([header, { snapshot: newest, ...directoryAt(log, newest), edge, heads: 1 }, headAt(log, newest)]);
  }
  const count = Math.max(0, newest + 1 - from);
  return textOf([header, ...Array.from({ length: count }, (_, nth) => linesOfTick(log, from + nth)).flat()]);
}

/** Returns the requested consistency proofs. */
export function growthProofs(log: OperatorLog, body: string): string {
  const requests = body.split("\n").filter((line) => line !== "");
  const answers = requests.map((request) => {
    const { id, from, to } = JSON.parse(request);
    return { id, proof: log.tickAt(log.visibleTick).tree.consistency(from, to).map(base64) };
  });
  return textOf(answers);
}

/** Returns the lines of a tick: its directory, and the head if it changed. */
function linesOfTick(log: OperatorLog, tick: number): object[] {
  const now = log.tickAt(tick);
  const before = tick === FIRST_TICK ? undefined : log.tickAt(tick - 1);
  const isSame = before?.history.state === now.history.state && before.tree.root().equals(now.tree.root());
  const line = { tick, ...directoryAt(log, tick), heads: 1, changes: isSame ? 0 : 1 };
  const from = before?.tree.size ?? 0;
  const change = { ...headAt(log, tick), from, proof: now.tree.consistency(from).map(base64) };
  return isSame ? [line] : [line, change];
}

function directoryAt(log: OperatorLog, tick: number): object {
  const { time, secret } = log.tickAt(tick).directory;
  return { time, secret: base64(secret), depth: DEPTH };
}

function headAt(log: OperatorLog, tick: number): object {
  const { history, tree } = log.tickAt(tick);
  return { id: log.id, size: tree.size, root: base64(tree.root()), state: history.state };
}
