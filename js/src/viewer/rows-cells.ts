/** What stands in the cells of a row. */

import type { EventRow, Row } from "../index/types.js";
import { type ChosenColumn, isMember, isOfEvent } from "./columns.js";
import { clip, moment, type Zone } from "./format.js";
import { keyParts } from "./key.js";
import { type Summary, summaryOf } from "./summary.js";

/** A cell; undefined where nothing stands in it. */
export type Cell =
  | { readonly kind: "time"; readonly time: string; readonly shown: string }
  /** An action says how it ended, where no column does. */
  | { readonly kind: "text"; readonly text: string; readonly outcome?: string | undefined }
  /** Without a text where the event states none: nothing is known of how it ended. */
  | { readonly kind: "outcome"; readonly text: string | undefined }
  | { readonly kind: "number"; readonly number: number }
  /** An actor, a target or a key. */
  | { readonly kind: "named"; readonly id: string; readonly name: string | undefined }
  | { readonly kind: "place"; readonly chain: string; readonly seq: number }
  | undefined;

/** No cell shows more than this of a value. */
const SHOWN = 200;

/** The cells of a row, in the order of the columns, and the event's text where none of it stands in them. */
export interface Cells {
  readonly cells: readonly Cell[];
  readonly untold: string | undefined;
}

/** Reads a row for the columns. */
export function cellsOf(row: Row, columns: readonly ChosenColumn[], zone: Zone): Cells {
  const summary = row.kind === "event" ? summaryOf(row) : undefined;
  const saysOutcome = columns.some(({ id }) => id === "outcome");
  const cells = columns
    .map((column) =>
      isOfEvent(column.id)
        ? row.kind === "event" && summary && ofEvent(row, summary, column)
        : ofLink(row, column, zone),
    )
    .map((cell, place) =>
      cell && cell.kind === "text" && columns[place]?.id === "action" && !saysOutcome
        ? { ...cell, outcome: summary?.outcome && clip(summary.outcome, SHOWN) }
        : cell || undefined,
    );
  const isTold = row.kind !== "event" || columns.some(({ id }, place) => isOfEvent(id) && tells(cells[place]));
  return { cells, untold: isTold || row.begin === undefined ? undefined : clip(row.begin, SHOWN) };
}

function tells(cell: Cell): boolean {
  return cell !== undefined && !(cell.kind === "outcome" && cell.text === undefined);
}

function ofEvent(row: EventRow, summary: Summary, { id }: ChosenColumn): Cell {
  if (isMember(id)) {
    return text(row.fields.get(id.slice(1))?.join(", "));
  }
  switch (id) {
    case "actor":
    case "target":
      return summary[id] && named(summary[id]);
    case "outcome": {
      const { outcome } = summary;
      return { kind: "outcome", text: outcome && clip(outcome, SHOWN) };
    }
    case "tenant":
      return text(row.tenant);
    case "action":
    case "address":
    case "reason":
    case "as":
      return text(summary[id]);
    default:
      return undefined;
  }
}

function ofLink(row: Row, { id }: ChosenColumn, zone: Zone): Cell {
  switch (id) {
    case "line":
      return { kind: "number", number: row.line };
    case "index":
      return { kind: "number", number: row.index };
  }
  if (row.kind === "gap" || row.kind === "fold") {
    return undefined;
  }
  switch (id) {
    case "time":
      return time((row.kind === "event" ? row.happened : undefined) ?? row.time, zone);
    case "recorded":
      return time(row.time, zone);
    case "place":
      return { kind: "place", chain: row.chain, seq: row.seq };
    default:
      return named(keyParts(row.vkey));
  }
}

function time(time: string, zone: Zone): Cell {
  return { kind: "time", time, shown: moment(time, zone) };
}

function text(value: string | undefined): Cell {
  return value === undefined ? undefined : { kind: "text", text: clip(value, SHOWN) };
}

function named({ id, name }: { readonly id: string; readonly name: string | undefined }): Cell {
  return { kind: "named", id: clip(id, SHOWN), name: name && clip(name, SHOWN) };
}
