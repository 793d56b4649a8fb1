/** What stands in the cells of a row. */

import type { Row } from "../shelf/types.js";
import { type ChosenColumn, cellText, isMember, isOfEvent, valuesAt } from "./columns.js";
import { clip, moment } from "./format.js";
import { type Json, readJson } from "./json-view.js";
import { keyParts } from "./key.js";
import { type Party, summarise } from "./summary.js";
import type { Zone } from "./zone.js";

/** A cell; undefined where nothing stands in it. */
export type Cell =
  | { readonly kind: "time"; readonly time: string; readonly shown: string }
  | { readonly kind: "text"; readonly text: string }
  /** `isImplied` where the event names none: nothing is known of how it ended. */
  | { readonly kind: "outcome"; readonly text: string; readonly isImplied: boolean }
  | { readonly kind: "number"; readonly number: number }
  /** An actor, a target or a key. */
  | { readonly kind: "named"; readonly id: string; readonly name: string | undefined }
  | { readonly kind: "place"; readonly chain: string; readonly seq: number }
  | undefined;

/** No cell shows more than this of a value. */
const SHOWN = 200;

/** How an action ended that does not say so. */
const IMPLIED = "not stated";

/** The cells of a row, in the order of the columns, and the event's text where none of it stands in them. */
export interface Cells {
  readonly cells: readonly Cell[];
  readonly untold: string | undefined;
}

/** Reads a row for the columns. */
export function cellsOf(row: Row, columns: readonly ChosenColumn[], zone: Zone): Cells {
  // The verifier hands out JSON objects alone; what cannot be read here is shown as text.
  const event = row.kind === "event" ? readJson(row.json) : undefined;
  const cells = columns.map((column) => (isOfEvent(column.id) ? ofEvent(event, column) : ofLink(row, column, zone)));
  const isTold = row.kind !== "event" || columns.some(({ id }, place) => isOfEvent(id) && tells(cells[place]));
  return { cells, untold: isTold ? undefined : clip(row.json, SHOWN) };
}

function tells(cell: Cell): boolean {
  return cell !== undefined && !(cell.kind === "outcome" && cell.isImplied);
}

function ofEvent(event: Json | undefined, { id }: ChosenColumn): Cell {
  if (isMember(id)) {
    return text(cellText(valuesAt(event, id.slice(1))));
  }
  const { action, actor, target, outcome } = summarise(event);
  switch (id) {
    case "action":
      return text(action);
    case "actor":
      return party(actor);
    case "target":
      return party(target);
    case "outcome":
      return { kind: "outcome", text: clip(outcome ?? IMPLIED, SHOWN), isImplied: outcome === undefined };
    default:
      return text(cellText(valuesAt(event, id)));
  }
}

function ofLink(row: Row, { id }: ChosenColumn, zone: Zone): Cell {
  switch (id) {
    case "line":
      return { kind: "number", number: row.line };
    case "index":
      return { kind: "number", number: row.index };
  }
  if (row.kind === "gap") {
    return undefined;
  }
  switch (id) {
    case "time":
      return { kind: "time", time: row.time, shown: moment(row.time, zone) };
    case "place":
      return { kind: "place", chain: row.chain, seq: row.seq };
    default:
      return named(keyParts(row.vkey));
  }
}

function text(value: string | undefined): Cell {
  return value === undefined ? undefined : { kind: "text", text: clip(value, SHOWN) };
}

function party(value: Party | undefined): Cell {
  return value && named(value);
}

function named({ id, name }: { readonly id: string; readonly name: string | undefined }): Cell {
  return { kind: "named", id: clip(id, SHOWN), name: name && clip(name, SHOWN) };
}
