/** Rows as the core writes them, and as a page receives them. */

import type { WithheldMark } from "@countersign/shared/verify.js";
import { parsedJson, treeJson } from "../wasm/index.js";
import type { EventFacts, FoldRow, GapRow, Json, Parsed, Place, Row } from "./types.js";

/** An event's row as the core writes it. */
export interface WrittenEvent extends Place {
  readonly kind: "event";
  readonly line: number;
  readonly index: number;
  readonly chain: string;
  readonly seq: number;
  readonly time: string;
  readonly vkey: string;
  readonly authorized: boolean;
  readonly happened: string | null;
  readonly parsed: Parsed | null;
  readonly own?: Partial<EventFacts>;
  readonly tenant: string | null;
  readonly fields?: readonly (readonly string[] | null)[];
}

/** A row as the core writes it. */
export type WrittenRow = WrittenEvent | WithheldMark | GapRow | FoldRow;

/** True if the event has no known field that a list shows. */
export function isUnparsed(row: WrittenRow): row is WrittenEvent {
  return row.kind === "event" && row.parsed === null && Object.keys(row.own ?? {}).length === 0;
}

/** Converts a row for the page. `excerpt` is the start of the event's text if it has no known fields. */
export function rowOf(row: WrittenRow, fields: readonly string[], excerpt: string | undefined): Row {
  if (row.kind !== "event") {
    return row;
  }
  const values = fields.flatMap((field, nth) => {
    const found = row.fields?.[nth];
    return found ? [[field, found] as const] : [];
  });
  const { kind, line, index, chain, seq, time, vkey, authorized, happened, parsed, own, tenant } = row;
  return {
    ...{ kind, line, index, chain, seq, time, vkey, authorized, own, begin: excerpt },
    happened: happened ?? undefined,
    parsed: parsed ?? undefined,
    tenant: tenant ?? undefined,
    fields: new Map(values),
    place: { blob: row.blob, begin: row.begin, end: row.end },
  };
}

/** Returns a parser's result for an event; undefined if no parser matches. */
export function parsedOf(bytes: Uint8Array): Parsed | undefined {
  const read = JSON.parse(parsedJson(bytes)) as (Parsed & { time?: string }) | null;
  if (read === null) {
    return undefined;
  }
  const { time: _, outcome, ...facts } = read;
  return { ...facts, outcome: outcome.replaceAll(" ", "-") };
}

/** JSON content as the core writes it: a string, or a kind followed by its content. */
type Branch = string | readonly ["{" | "[" | "=", ...Branch[]];

/** Returns the JSON tree of an event; undefined if it isn't JSON. */
export function treeOf(bytes: Uint8Array): Json | undefined {
  const tree = JSON.parse(treeJson(bytes)) as Branch | null;
  return tree === null ? undefined : toJson(tree);
}

function toJson(branch: Branch): Json {
  if (typeof branch === "string") {
    return { kind: "string", value: branch };
  }
  const [kind, ...within] = branch;
  switch (kind) {
    case "=":
      return { kind: "literal", source: String(within[0]) };
    case "[":
      return { kind: "array", items: within.map(toJson) };
    case "{": {
      const members: [string, Json][] = [];
      for (let at = 0; at + 1 < within.length; at += 2) {
        members.push([String(within[at]), toJson(within[at + 1] ?? "")]);
      }
      return { kind: "object", members };
    }
  }
}
