/** Which columns a list of events has, and what stands in them. */

import type { Texts } from "./texts/texts.js";

/** A column: one that has a name, or the path of a member after a dot. */
/** The columns that have names. */
export type NamedColumn = keyof Texts["rows"]["columns"]["names"];

export type ColumnId = NamedColumn | `.${string}`;

/** A column as the reader wants it. */
export interface ChosenColumn {
  readonly id: ColumnId;
  /** In pixels; without it the column takes its share. */
  readonly width?: number | undefined;
}

/** All columns that have names, in the order in which they are offered. */
export const NAMED_COLUMNS: readonly NamedColumn[] = [
  "time",
  "action",
  "actor",
  "target",
  "address",
  "outcome",
  "reason",
  "tenant",
  "as",
  "recorded",
  "place",
  "signer",
  "index",
  "line",
];

export const DEFAULT_COLUMNS: readonly ChosenColumn[] = (
  ["time", "action", "actor", "target", "address", "outcome", "place"] as const
).map((id) => ({ id }));

/** More are of no use to anyone, and each costs in every row. */
export const MOST_COLUMNS = 24;
export const NARROWEST = 48;
export const WIDEST = 1_200;
const LONGEST_PATH = 200;

/** Whether it is a path. */
export function isMember(id: ColumnId): id is `.${string}` {
  return id.startsWith(".");
}

const OF_EVENT: readonly string[] = ["action", "actor", "target", "address", "outcome", "reason", "tenant", "as"];

/** Whether what stands in it is of the event, not of its link. */
export function isOfEvent(id: ColumnId): boolean {
  return isMember(id) || OF_EVENT.includes(id);
}

/** The path of a member as a reader wrote it, as a column. */
export function memberColumn(path: string): ChosenColumn | undefined {
  const trimmed = path.trim();
  return trimmed === "" || trimmed.length > LONGEST_PATH ? undefined : { id: `.${trimmed}` };
}

/** The longest run of columns that are of the event: `[from, to)`. What has no event says so there. */
export function longestRun(columns: readonly ChosenColumn[]): readonly [number, number] {
  let best: readonly [number, number] = [0, 0];
  let from = 0;
  for (const [place, { id }] of columns.entries()) {
    if (!isOfEvent(id)) {
      from = place + 1;
    } else if (place + 1 - from > best[1] - best[0]) {
      best = [from, place + 1];
    }
  }
  return best;
}

/** The columns as a short text, such as `time,action:200,.context.ip`. */
export function writeColumns(columns: readonly ChosenColumn[]): string {
  return columns
    .map(({ id, width }) => {
      const name = id.replace(/[%,:]/g, encodeURIComponent);
      return width === undefined ? name : `${name}:${width}`;
    })
    .join(",");
}

/** The columns that such a text names, as far as it is understood; undefined where it names none. */
export function readColumns(text: string): readonly ChosenColumn[] | undefined {
  const columns = new Map<string, ChosenColumn>();
  for (const part of text.split(",", MOST_COLUMNS)) {
    const [name = "", digits] = part.split(":");
    const id = columnId(name);
    if (id !== undefined) {
      const width = digits !== undefined && /^[0-9]{1,5}$/.test(digits) ? widthWithin(Number(digits)) : undefined;
      columns.set(id, width === undefined ? { id } : { id, width });
    }
  }
  return columns.size === 0 ? undefined : [...columns.values()];
}

/** The nearest width that a column can have. */
export function widthWithin(width: number): number {
  return Math.round(Math.min(WIDEST, Math.max(NARROWEST, width)));
}

function columnId(name: string): ColumnId | undefined {
  const named = NAMED_COLUMNS.find((known) => known === name);
  if (named !== undefined || !name.startsWith(".")) {
    return named;
  }
  try {
    return memberColumn(decodeURIComponent(name.slice(1)))?.id;
  } catch {
    return undefined;
  }
}
