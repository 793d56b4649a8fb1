import type { Coverage } from "@countersign/ui/index/types.js";
import type { Marks } from "@countersign/ui/viewer/session/session.js";
import type { Finding, Severity } from "countersign/verify";
import { each, type Ranges } from "./ranges.ts";

/** A stretch of the strip, in percent of its length. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** Checkpoints of one place on the strip. */
export interface CheckpointSpot {
  readonly at: number;
  readonly count: number;
  /** Whether all of them match. */
  readonly matches: boolean;
  /** The most valid cosignatures of witnesses that one of them has. */
  readonly cosigned: number;
}

/** Other marks of one place. */
export interface Spot<Kind> {
  readonly at: number;
  readonly count: number;
  readonly kind: Kind;
}

/** A log's coverage, drawn to the length of a strip. */
export interface Strip {
  /** How many leaves it stands for. */
  readonly entries: number;
  readonly shown: readonly Stretch[];
  readonly withheld: readonly Stretch[];
  readonly skipped: readonly Stretch[];
  readonly checkpoints: readonly CheckpointSpot[];
  readonly notes: readonly Spot<"acts" | "nothing">[];
  readonly findings: readonly Spot<Severity>[];
}

/** No more places than this are told apart. */
const PLACES = 400;
/** What is not to be seen as evenly spread is at least as wide as this, in places. */
const LEAST = 1;

/** Lays out what an export holds. What is left out is never too narrow to be seen. */
export function strip(
  coverage: Omit<Coverage, "events" | "listed">,
  marks: Marks,
  findings: readonly Finding[],
  entries: number,
): Strip {
  const place = (leaf: number) => (entries === 0 ? 0 : (Math.min(leaf, entries) / entries) * PLACES);
  return {
    entries,
    shown: stretches(coverage.shown, place),
    withheld: stretches(coverage.withheld, place),
    skipped: stretches(coverage.skipped, place),
    checkpoints: spots(
      marks.checkpoints.map((mark) => ({ at: place(mark.size), mark })),
      (all) => ({
        matches: all.every(({ mark }) => mark.matches),
        cosigned: Math.max(...all.map(({ mark }) => cosignatures(mark))),
      }),
    ),
    notes: spots(
      marks.notes.map((mark) => ({ at: place(mark.index + 0.5), mark })),
      (all) => ({ kind: all.some(({ mark }) => mark.acts) ? ("acts" as const) : ("nothing" as const) }),
    ),
    findings: spots(
      findings.flatMap(({ index, severity }) =>
        index === undefined ? [] : [{ at: place(index + 0.5), severity }],
      ),
      (all) => ({ kind: worst(all.map(({ severity }) => severity)) }),
    ),
  };
}

/** How many witnesses' signatures on a checkpoint are valid. */
export function cosignatures({ signatures }: Marks["checkpoints"][number]): number {
  return signatures.filter(({ by, valid }) => by === "witness" && valid === true).length;
}

function stretches(ranges: Ranges, place: (leaf: number) => number): Stretch[] {
  const found: { from: number; to: number }[] = [];
  for (const [begin, end] of each(ranges)) {
    const from = Math.min(place(begin), PLACES - LEAST);
    const to = Math.max(place(end), from + LEAST);
    const last = found.at(-1);
    if (last !== undefined && from - last.to < LEAST / 2 && to - from <= LEAST)
      last.to = Math.max(last.to, to);
    else found.push({ from, to });
  }
  return found.map(({ from, to }) => ({ from: percent(from), to: percent(to) }));
}

/** Brings together what is at one place. */
function spots<Mark extends { readonly at: number }, Told>(
  marks: readonly Mark[],
  told: (all: readonly Mark[]) => Told,
): (Told & { at: number; count: number })[] {
  const places = new Map<number, Mark[]>();
  for (const mark of marks) {
    const at = Math.round(mark.at / 2) * 2;
    const all = places.get(at);
    if (all === undefined) places.set(at, [mark]);
    else all.push(mark);
  }
  return [...places].map(([at, all]) => ({ at: percent(at), count: all.length, ...told(all) }));
}

const ORDER: readonly Severity[] = ["error", "warning", "info"];

function worst(severities: readonly Severity[]): Severity {
  return ORDER.find((severity) => severities.includes(severity)) ?? "info";
}

function percent(place: number): number {
  return Math.round((place / PLACES) * 10_000) / 100;
}
