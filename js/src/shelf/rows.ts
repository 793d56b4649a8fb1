import { EVENT, GAP, type Table } from "./table.js";
import type { Texts } from "./texts.js";
import { writeTime } from "./time.js";
import type { Column, EventRow, Row } from "./types.js";
import { decode } from "./utf8.js";

/** Makes what a list shows of rows of the table. */
export async function rowsAt(rows: Uint32Array, table: Table, texts: Texts): Promise<Row[]> {
  const events = rows.filter((row) => table.kinds.get(row) === EVENT);
  const bytes = (await texts.read(events)).values();
  return Array.from(rows, (row) => {
    const place = { line: table.lines.get(row), index: table.indexes.get(row) };
    switch (table.kinds.get(row)) {
      case EVENT:
        return { ...event(row, table), json: decode(bytes.next().value ?? NOTHING) };
      case GAP:
        return { kind: "gap", ...place, leaves: table.seqs.get(row) };
      default:
        return { ...link(row, table), kind: "withheld", why: table.why(row) };
    }
  });
}

const NOTHING = new Uint8Array(0);

/** An event without its text. */
export function event(row: number, table: Table): Omit<EventRow, "json"> {
  return { kind: "event", ...link(row, table) };
}

function link(row: number, table: Table): Omit<EventRow, "json" | "kind"> {
  return {
    line: table.lines.get(row),
    index: table.indexes.get(row),
    chain: valueIn("chain", row, table),
    seq: table.seqs.get(row),
    time: writeTime(table.times.get(row)),
    vkey: valueIn("signer", row, table),
    authorised: table.isAuthorised(row),
  };
}

function valueIn(column: Column, row: number, table: Table): string {
  const { codes, dictionary } = table.values[column];
  return dictionary.look(codes.get(row), (bytes, begin, end) => decode(bytes.subarray(begin, end)));
}
