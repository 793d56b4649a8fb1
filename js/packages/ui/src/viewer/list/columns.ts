/** Which columns a list of events has, and what stands in them. */

import type { Texts } from "../texts/texts.js";

/** The columns that have names. */
export type NamedColumn = keyof Texts["rows"]["columns"]["names"];

/** A column: one that has a name, or the path of a member after a dot. */
export type ColumnId = NamedColumn | `.${string}`;

/** A column as the reader wants it. */
export interface ChosenColumn {
  readonly id: ColumnId;
  /** In pixels; without it the column takes its share. */
  readonly width?: number | undefined;
}

/**
 * All columns that have names, in the order in which they are offered, and what each is without a width: its least in
 * rem, and its share of what is left.
 */
export const NAMED_COLUMNS: Readonly<Record<NamedColumn, readonly [least: number, share: number]>> = {
  time: [13.5, 0],
  action: [6.5, 1.4],
  actor: [6.5, 1.5],
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

/** More are of no use to anyone, and each costs in every row. */
export const MOST_COLUMNS = 24;
export const NARROWEST = 48;
export const WIDEST = 1_200;
const LONGEST_PATH = 200;

/** Whether it is a path. */
export function isMember(id: ColumnId): id is `.${string}` {
  return id.startsWith(".");
}

const EVENT_COLUMNS = [
  "action",
  "actor",
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
  if (Object.hasOwn(NAMED_COLUMNS, name)) {
    return name as NamedColumn;
  }
  try {
    return name.startsWith(".") ? memberColumn(decodeURIComponent(name.slice(1)))?.id : undefined;
  } catch {
    return undefined;
  }
}
