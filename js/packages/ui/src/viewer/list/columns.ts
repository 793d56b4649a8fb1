/** Columns of a list of events. */

import type { SortKey } from "../../index/types.js";
import type { Texts } from "../texts/texts.js";

/** A predefined column. */
export type NamedColumn = keyof Texts["rows"]["columns"]["names"];

/** A predefined column, or a dot followed by the path of a field. */
export type ColumnId = NamedColumn | `.${string}`;

/** A column that the reader chose. */
export interface ChosenColumn {
  readonly id: ColumnId;
  /** Width in pixels. Default: the column's share. */
  readonly width?: number | undefined;
}

/**
 * The predefined columns in the order in which they are offered, with their minimum width in rem and their share of
 * the remaining width.
 */
export const NAMED_COLUMNS: Readonly<Record<NamedColumn, readonly [least: number, share: number]>> = {
  time: [13.5, 0],
  action: [6.5, 1.4],
  actor: [6.5, 1.5],
  for: [6.5, 1.3],
  target: [6.5, 1.3],
  address: [9, 0.5],
  outcome: [6.75, 0],
  reason: [7, 0.8],
  tenant: [6, 0.6],
  as: [6, 0.4],
  recorded: [13.5, 0],
  place: [8.5, 0],
  signer: [8, 1],
  index: [6, 0],
  line: [6, 0],
};

export const DEFAULT_COLUMNS: readonly ChosenColumn[] = (
  ["time", "action", "actor", "target", "address", "outcome", "place"] as const
).map((id) => ({ id }));

/** Maximum number of columns. Each costs time in every row. */
export const MAX_COLUMNS = 24;
export const MIN_WIDTH = 48;
export const MAX_WIDTH = 1_200;
const MAX_PATH_LENGTH = 200;

/** True if the column is a path. */
export function isMember(id: ColumnId): id is `.${string}` {
  return id.startsWith(".");
}

/** Sort keys of the columns that rows can be sorted by. */
export const SORT_KEYS: Readonly<Partial<Record<ColumnId, SortKey>>> = {
  time: "time",
  action: "action",
  actor: "actor",
  for: "for",
  target: "target",
  address: "ip",
  outcome: "outcome",
  tenant: "tenant",
  as: "as",
  place: "chain",
  signer: "signer",
  index: "place",
  line: "place",
};

const EVENT_COLUMNS = [
  "action",
  "actor",
  "for",
  "target",
  "address",
  "outcome",
  "reason",
  "tenant",
  "as",
] as const satisfies readonly NamedColumn[];

/** A named column that shows a value of the event. */
export type EventColumn = (typeof EVENT_COLUMNS)[number];

/** A column that shows a value of the event's link. */
export type LinkColumn = Exclude<NamedColumn, EventColumn>;

/** True if the column shows a value of the event, not of its link. */
export function isOfEvent(id: ColumnId): id is EventColumn | `.${string}` {
  return isMember(id) || (EVENT_COLUMNS as readonly string[]).includes(id);
}

/** Returns the column of a field's path as typed; undefined if it isn't valid. */
export function memberColumn(path: string): ChosenColumn | undefined {
  const trimmed = path.trim();
  return trimmed === "" || trimmed.length > MAX_PATH_LENGTH ? undefined : { id: `.${trimmed}` };
}

/** Returns the longest run of event columns, as `[from, to)`. A row without an event shows its message there. */
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

/** Returns the columns as a short text, such as `time,action:200,.context.ip`. */
export function writeColumns(columns: readonly ChosenColumn[]): string {
  return columns
    .map(({ id, width }) => {
      const name = id.replace(/[%,:]/g, encodeURIComponent);
      return width === undefined ? name : `${name}:${width}`;
    })
    .join(",");
}

/** Parses the output of `writeColumns` and skips unknown parts. Returns undefined if no column remains. */
export function readColumns(text: string): readonly ChosenColumn[] | undefined {
  const columns = new Map<string, ChosenColumn>();
  for (const part of text.split(",", MAX_COLUMNS)) {
    const [name = "", digits] = part.split(":");
    const id = columnId(name);
    if (id !== undefined) {
      const width = digits !== undefined && /^[0-9]{1,5}$/.test(digits) ? widthWithin(Number(digits)) : undefined;
      columns.set(id, width === undefined ? { id } : { id, width });
    }
  }
  return columns.size === 0 ? undefined : [...columns.values()];
}

/** Returns the nearest allowed width. */
export function widthWithin(width: number): number {
  return Math.round(Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, width)));
}

function columnId(name: string): ColumnId | undefined {
  if (Object.hasOwn(NAMED_COLUMNS, name)) {
    return name as NamedColumn;
  }
  try {
    return name.startsWith(".") ? memberColumn(decodeURIComponent(name.slice(1)))?.id : undefined;
  } catch {
    return undefined;
  }
}
