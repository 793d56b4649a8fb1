import { CsvWriter } from "./csv.js";
import { EventReader, type Piece } from "./reader.js";
import { event } from "./rows.js";
import { Sink } from "./sink.js";
import type { Signed, Standing } from "./standing.js";
import type { Table } from "./table.js";
import type { Texts } from "./texts.js";
import { turn } from "./turn.js";
import type { Column, SavedAs } from "./types.js";
import { encode } from "./utf8.js";
import { label } from "./verdicts.js";

/** How many events are read at a time. */
const AT_ONCE = 2000;

const TYPES = {
  csv: "text/csv;charset=utf-8",
  "csv-with-bom": "text/csv;charset=utf-8",
  ndjson: "application/x-ndjson",
} as const satisfies Record<SavedAs, string>;
const FIELDS = [
  ...["line", "index", "chain", "seq", "time", "signer", "standing", "action", "actor", "actor_name"],
  ...["target", "target_name", "outcome", "tenant", "event"],
];
const BOM = "\ufeff";

/** Writes events into a blob. `told` hears how many are written, and may throw to end it. */
export async function save(
  as: SavedAs,
  rows: Uint32Array,
  standing: (event: Signed) => Standing,
  table: Table,
  texts: Texts,
  told: (events: number) => void,
): Promise<Blob> {
  const sink = new Sink();
  if (as === "csv-with-bom") {
    sink.text(BOM);
  }
  const write = as === "ndjson" ? lines(sink, table, standing) : records(sink, table, standing);
  const read = (from: number) => {
    const reading = texts.read(rows.subarray(from, from + AT_ONCE));
    // Who awaits it hears of a failure; nobody may.
    reading.catch(() => {});
    return reading;
  };
  let ahead = read(0);
  for (let from = 0; from < rows.length; from += AT_ONCE) {
    const part = rows.subarray(from, from + AT_ONCE);
    const events = await ahead;
    ahead = read(from + AT_ONCE);
    for (const [nth, bytes] of events.entries()) {
      write(part[nth] ?? 0, bytes);
    }
    told(from + part.length);
    await turn();
  }
  return sink.blob(TYPES[as]);
}

type Write = (row: number, bytes: Uint8Array) => void;

/** As the verifier writes them, but for what is known of signers. */
function lines(sink: Sink, table: Table, standingOf: (event: Signed) => Standing): Write {
  return (row, bytes) => {
    const signed = event(row, table);
    const { line, index, chain, seq, time, vkey } = signed;
    const standing = standingOf(signed);
    sink.text(JSON.stringify({ line, index, chain, seq, time, standing, vkey }).slice(0, -1));
    sink.text(',"event":');
    sink.bytes(bytes);
    sink.text("}\n");
  };
}

function records(sink: Sink, table: Table, standingOf: (event: Signed) => Standing): Write {
  const csv = new CsvWriter(sink);
  const reader = new EventReader();
  for (const name of FIELDS) {
    csv.plain(name);
  }
  csv.end();
  return (row, bytes) => {
    const signed = event(row, table);
    const { line, index, chain, seq, time, vkey } = signed;
    for (const own of [line, index, chain, seq, time]) {
      csv.plain(String(own));
    }
    const signer = encode(vkey);
    csv.field({ bytes: signer, begin: 0, end: signer.length });
    csv.plain(standingOf(signed));
    reader.read(bytes, 0, bytes.length, table.isEscaped(row));
    const value = (column: Column) => csv.field(labelled(column, reader.value(column)));
    value("action");
    for (const column of ["actor", "target"] as const) {
      value(column);
      csv.field(reader.nameOf(column));
    }
    value("outcome");
    value("tenant");
    csv.field({ bytes, begin: 0, end: bytes.length });
    csv.end();
  };
}

/** A value as people read it. */
function labelled(column: Column, piece: Piece | undefined): Piece | undefined {
  if (piece === undefined || (column !== "actor" && column !== "target")) {
    return piece;
  }
  const bytes = label(column, piece.bytes.subarray(piece.begin, piece.end));
  return { bytes, begin: 0, end: bytes.length };
}
