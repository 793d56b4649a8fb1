import { factsJson, readJson } from "../wasm/index.js";
import { type Cell, CsvWriter } from "./csv.js";
import type { WrittenEvent } from "./rows.js";
import { Sink } from "./sink.js";
import type { Signed, SignerTrustSoFar } from "./signer-trust.js";
import { turn } from "./turn.js";
import type { Reading, Said, SavedAs } from "./types.js";

/** An event that is saved. */
export interface Saved {
  readonly row: WrittenEvent;
  readonly bytes: Uint8Array;
}

const TYPES = {
  csv: "text/csv;charset=utf-8",
  "csv-with-bom": "text/csv;charset=utf-8",
  ndjson: "application/x-ndjson",
} as const satisfies Record<SavedAs, string>;
/** What is proven comes first and last; between is what a parser made of the event. */
const FIELDS = [
  ...["line", "index", "chain", "seq", "recorded", "signer", "signer_trust"],
  ...["parsed_as", "time", "action", "actor", "actor_name", "actor_type", "target", "target_name", "target_type"],
  ...["address", "outcome", "reason", "tenant", "event"],
];
const BOM = "\ufeff";

/** Writes events into a blob. `told` hears how many are written, and may throw to end it. */
export async function save(
  as: SavedAs,
  events: AsyncIterable<readonly Saved[]>,
  signerTrust: (event: Signed) => SignerTrustSoFar,
  told: (events: number) => void,
): Promise<Blob> {
  const sink = new Sink();
  if (as === "csv-with-bom") {
    sink.text(BOM);
  }
  const write = as === "ndjson" ? lines(sink, signerTrust) : records(sink, signerTrust);
  let written = 0;
  for await (const part of events) {
    part.forEach(write);
    written += part.length;
    told(written);
    await turn();
  }
  return sink.blob(TYPES[as]);
}

type Write = (saved: Saved) => void;

/** As the verifier writes them, but for what is known of signers, with what a parser made of the event after it. */
function lines(sink: Sink, signerTrustOf: (event: Signed) => SignerTrustSoFar): Write {
  return ({ row, bytes }) => {
    const { line, index, chain, seq, time, vkey } = row;
    const signerTrust = signerTrustOf(row);
    sink.text(JSON.stringify({ line, index, chain, seq, time, signerTrust, vkey }).slice(0, -1));
    sink.text(',"event":');
    sink.bytes(bytes);
    sink.text(`,"read":${readJson(bytes)}}\n`);
  };
}

function records(sink: Sink, signerTrustOf: (event: Signed) => SignerTrustSoFar): Write {
  const csv = new CsvWriter(sink);
  for (const name of FIELDS) {
    csv.plain(name);
  }
  csv.end();
  return ({ row, bytes }) => {
    const { line, index, chain, seq, time, vkey } = row;
    const { happened, tenant, read, own } = JSON.parse(factsJson(bytes)) as Facts;
    const { action, actor, target, address, outcome } = read ?? { outcome: undefined, ...own };
    for (const plain of [line, index, chain, seq, time]) {
      csv.plain(String(plain));
    }
    csv.field(vkey);
    csv.plain(signerTrustOf(row));
    const cells: Cell[] = [read?.as, happened ?? undefined, action];
    for (const party of [actor, target]) {
      cells.push(party?.id, party?.name, party?.type);
    }
    cells.push(address, outcome, read?.reason, tenant ?? undefined);
    for (const cell of cells) {
      csv.field(cell);
    }
    csv.field(bytes);
    csv.end();
  };
}

/** All that a record has of what an event says, none of it cut. */
interface Facts {
  readonly happened: string | null;
  readonly tenant: string | null;
  readonly read: Reading | null;
  /** Where no parser fits. */
  readonly own?: Partial<Said>;
}
