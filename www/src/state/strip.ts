import type { Coverage } from "@countersign/ui/index/types.js";
import type { Marks } from "@countersign/ui/viewer/session/session.js";
import type { Finding, Severity } from "countersign/verify";
import { each, type Ranges } from "./ranges.ts";

/** A range of the chart, in percent of its length. */
export interface StripRange {
  readonly from: number;
  readonly to: number;
}

/** Checkpoints at one position of the chart. */
export interface CheckpointSpot {
  readonly at: number;
  readonly count: number;
  /** True if all of them match. */
  readonly matches: boolean;
  /** Highest number of valid witness cosignatures on one of them. */
  readonly cosigned: number;
}

/** Other marks at one position. */
export interface Spot<Kind> {
  readonly at: number;
  readonly count: number;
  readonly kind: Kind;
}

/** A log's coverage, scaled to the length of the chart. */
export interface Strip {
  /** Number of entries that the chart stands for. */
  readonly entries: number;
  readonly shown: readonly StripRange[];
  readonly withheld: readonly StripRange[];
  readonly skipped: readonly StripRange[];
  readonly checkpoints: readonly CheckpointSpot[];
  readonly notes: readonly Spot<"acts" | "nothing">[];
  readonly findings: readonly Spot<Severity>[];
}

/** Number of distinct positions. */
const MAX_POSITIONS = 400;
/** Minimum width of a range, in positions. */
const MIN_WIDTH = 1;

/** Lays out the content of an export. Omitted entries are never too narrow to be seen. */
export function strip(
  coverage: Omit<Coverage, "events" | "listed">,
  marks: Marks,
  findings: readonly Finding[],
  entries: number,
): Strip {
  const place = (index: number) => (entries === 0 ? 0 : (Math.min(index, entries) / entries) * MAX_POSITIONS);
  return {
    entries,
    shown: scaled(coverage.shown, place),
    withheld: scaled(coverage.withheld, place),
    skipped: scaled(coverage.skipped, place),
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

/** Returns the number of valid witness signatures on a checkpoint. */
export function cosignatures({ signatures }: Marks["checkpoints"][number]): number {
  return signatures.filter(({ by, valid }) => by === "witness" && valid === true).length;
}

function scaled(ranges: Ranges, place: (index: number) => number): StripRange[] {
  const found: { from: number; to: number }[] = [];
  for (const [begin, end] of each(ranges)) {
    const from = Math.min(place(begin), MAX_POSITIONS - MIN_WIDTH);
    const to = Math.max(place(end), from + MIN_WIDTH);
    const last = found.at(-1);
    if (last !== undefined && from - last.to < MIN_WIDTH / 2 && to - from <= MIN_WIDTH)
      last.to = Math.max(last.to, to);
    else found.push({ from, to });
  }
  return found.map(({ from, to }) => ({ from: percent(from), to: percent(to) }));
}

/** Groups marks by position. */
function spots<Mark extends { readonly at: number }, Description>(
  marks: readonly Mark[],
  describe: (all: readonly Mark[]) => Description,
): (Description & { at: number; count: number })[] {
  const places = new Map<number, Mark[]>();
  for (const mark of marks) {
    const at = Math.round(mark.at / 2) * 2;
    const all = places.get(at);
    if (all === undefined) places.set(at, [mark]);
    else all.push(mark);
  }
  return [...places].map(([at, all]) => ({ at: percent(at), count: all.length, ...describe(all) }));
}

const ORDER: readonly Severity[] = ["error", "warning", "info"];

function worst(severities: readonly Severity[]): Severity {
  return ORDER.find((severity) => severities.includes(severity)) ?? "info";
}

function percent(place: number): number {
  return Math.round((place / MAX_POSITIONS) * 10_000) / 100;
}
