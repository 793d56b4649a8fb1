/** Rows as the core writes them, and as a page takes them. */

import type { WithheldMark } from "@countersign/shared/verify.js";
import { readJson, treeJson } from "../wasm/index.js";
import type { FoldRow, GapRow, Json, Place, Reading, Row, Said } from "./types.js";

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
  readonly read: Reading | null;
  readonly own?: Partial<Said>;
  readonly tenant: string | null;
  readonly fields?: readonly (readonly string[] | null)[];
}

/** A row as the core writes it. */
export type Written = WrittenEvent | WithheldMark | GapRow | FoldRow;

/** Whether nothing of it is known that a list shows. */
export function isUntold(row: Written): row is WrittenEvent {
  return row.kind === "event" && row.read === null && Object.keys(row.own ?? {}).length === 0;
}

/** A row for the page. `begin` is how the text of an untold event begins. */
export function rowOf(row: Written, fields: readonly string[], begin: string | undefined): Row {
  if (row.kind !== "event") {
    return row;
  }
  const values = fields.flatMap((field, nth) => {
    const found = row.fields?.[nth];
    return found ? [[field, found] as const] : [];
  });
  const { kind, line, index, chain, seq, time, vkey, authorized, happened, read, own, tenant } = row;
  return {
    ...{ kind, line, index, chain, seq, time, vkey, authorized, own, begin },
    happened: happened ?? undefined,
    read: read ?? undefined,
    tenant: tenant ?? undefined,
    fields: new Map(values),
    place: { blob: row.blob, begin: row.begin, end: row.end },
  };
}

/** All that a parser makes of an event. */
export function readingOf(bytes: Uint8Array): Reading | undefined {
  const read = JSON.parse(readJson(bytes)) as (Reading & { time?: string }) | null;
  if (read === null) {
    return undefined;
  }
  const { time: _, outcome, ...said } = read;
  return { ...said, outcome: outcome.replaceAll(" ", "-") };
}

/** What is in an event as the core writes it: a string, or what kind it is and what it holds. */
type Branch = string | readonly ["{" | "[" | "=", ...Branch[]];

/** What is in an event, as the core reads it; nothing where it is no JSON. */
export function treeOf(bytes: Uint8Array): Json | undefined {
  const tree = JSON.parse(treeJson(bytes)) as Branch | null;
  return tree === null ? undefined : grown(tree);
}

function grown(branch: Branch): Json {
  if (typeof branch === "string") {
    return { kind: "string", value: branch };
  }
  const [kind, ...within] = branch;
  switch (kind) {
    case "=":
      return { kind: "literal", source: String(within[0]) };
    case "[":
      return { kind: "array", items: within.map(grown) };
    case "{": {
      const members: [string, Json][] = [];
      for (let at = 0; at + 1 < within.length; at += 2) {
        members.push([String(within[at]), grown(within[at + 1] ?? "")]);
      }
      return { kind: "object", members };
    }
  }
}
