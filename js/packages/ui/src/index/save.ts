import { factsJson, parsedJson } from "../wasm/index.js";
import { type Cell, CsvWriter } from "./csv.js";
import type { WrittenEvent } from "./rows.js";
import type { SignedEvent, SignerTrustSoFar } from "./signer-trust.js";
import { Sink } from "./sink.js";
import type { EventFacts, Parsed, SaveFormat } from "./types.js";
import { yieldToMessages } from "./yield.js";

/** An event to save. */
export interface SavedEvent {
  readonly row: WrittenEvent;
  readonly bytes: Uint8Array;
}

const TYPES = {
  csv: "text/csv;charset=utf-8",
  "csv-with-bom": "text/csv;charset=utf-8",
  ndjson: "application/x-ndjson",
} as const satisfies Record<SaveFormat, string>;
/** Columns. Signed data comes first and last; the parser's results are in between. */
const FIELDS = [
  ...["line", "index", "chain", "seq", "recorded", "signer", "signer_trust"],
  ...["parsed_as", "time", "action", "actor", "actor_name", "actor_type"],
  ...["on_behalf_of", "on_behalf_of_name", "on_behalf_of_type", "target", "target_name", "target_type"],
  ...["address", "outcome", "reason", "tenant", "event"],
];
const BOM = "\ufeff";

/** Writes events into a blob. Calls `onProgress` with the number written; it may throw to stop. */
export async function save(
  as: SaveFormat,
  events: AsyncIterable<readonly SavedEvent[]>,
  signerTrust: (event: SignedEvent) => SignerTrustSoFar,
  onProgress: (events: number) => void,
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
    onProgress(written);
    await yieldToMessages();
  }
  return sink.blob(TYPES[as]);
}

type Write = (event: SavedEvent) => void;

/** Writes lines as the verifier does, plus signer trust and the parser's result. */
function lines(sink: Sink, signerTrustOf: (event: SignedEvent) => SignerTrustSoFar): Write {
  return ({ row, bytes }) => {
    const { line, index, chain, seq, time, vkey } = row;
    const signer_trust = signerTrustOf(row);
    sink.text(JSON.stringify({ line, index, chain, seq, time, signer_trust, vkey }).slice(0, -1));
    sink.text(',"event":');
    sink.bytes(bytes);
    sink.text(`,"parsed":${parsedJson(bytes)}}\n`);
  };
}

function records(sink: Sink, signerTrustOf: (event: SignedEvent) => SignerTrustSoFar): Write {
  const csv = new CsvWriter(sink);
  for (const name of FIELDS) {
    csv.plain(name);
  }
  csv.end();
  return ({ row, bytes }) => {
    const { line, index, chain, seq, time, vkey } = row;
    const { happened, tenant, parsed, own } = JSON.parse(factsJson(bytes)) as Facts;
    const { action, actor, on_behalf_of, target, address, outcome } = parsed ?? { outcome: undefined, ...own };
    for (const plain of [line, index, chain, seq, time]) {
      csv.plain(String(plain));
    }
    csv.field(vkey);
    csv.plain(signerTrustOf(row));
    const cells: Cell[] = [parsed?.as, happened ?? undefined, action];
    for (const party of [actor, on_behalf_of, target]) {
      cells.push(party?.id, party?.name, party?.type);
    }
    cells.push(address, outcome, parsed?.reason, tenant ?? undefined);
    for (const cell of cells) {
      csv.field(cell);
    }
    csv.field(bytes);
    csv.end();
  };
}

/** The parsed facts of an event, not truncated. */
interface Facts {
  readonly happened: string | null;
  readonly tenant: string | null;
  readonly parsed: Parsed | null;
  /** Fields that the event itself states, if no parser matches. */
  readonly own?: Partial<EventFacts>;
}
