/** A slicing worker: it reads an export once more for one thing, and is ended then. */

import { connect, type Port } from "../calls/calls.js";
import { CountersignError } from "../error.js";
import type { Report } from "../report.js";
import init, {
  draw,
  explain,
  holdEvidence,
  readEvidence,
  sha256,
  slice,
  writeEvidence,
  writeReport,
} from "../wasm/slicer.js";
import { Pieces } from "./pieces.js";
import type { Drawing, Evidence, Explanation, Filing, Selection } from "./types.js";

type Trust = Uint8Array | undefined;

/** What is asked for. */
export interface SlicerWorker {
  slice(module: WebAssembly.Module, source: Blob, selection: Selection, trust: Trust): Promise<Sliced>;
  explain(module: WebAssembly.Module, proof: Blob, event: Explained, trust: Trust): Promise<Omit<Explanation, "proof">>;
  sha256(module: WebAssembly.Module, source: Blob): Promise<string>;
  writeEvidence(module: WebAssembly.Module, filing: Filing, page: Blob, source: Blob): Promise<Blob>;
  writeReport(module: WebAssembly.Module, filing: Filing): Promise<Blob>;
  readEvidence(module: WebAssembly.Module, file: Blob): Promise<Evidence>;
  holdEvidence(module: WebAssembly.Module, frame: string, report: Report): Promise<void>;
  draw(module: WebAssembly.Module, drawing: Drawing): Promise<Float64Array>;
}

export interface Sliced {
  readonly bytes: Blob;
  readonly events: number;
}

/** An event: what verifying its proof gave, whether it was handed out then, and which key notes act. */
export interface Explained {
  readonly chain: string;
  readonly seq: number;
  readonly report: Report;
  readonly covered: boolean;
  readonly acting: Float64Array;
}

/** What the host is told meanwhile. */
export interface SlicerHost {
  read(bytes: number, total: number): void;
}

/** Serves the host on the other side of a port. */
export function work(port: Port): void {
  const open = async (module: WebAssembly.Module, source: Blob, times: number) => {
    await init({ module_or_path: module });
    return Pieces.open(source, (bytes) => void host.read(bytes, source.size * times));
  };
  const ours: SlicerWorker = {
    slice: async (module, source, selection, trust) => {
      const pieces = await open(module, source, 2);
      const events = cut(pieces, selection, trust);
      return { bytes: pieces.written("application/x-ndjson"), events };
    },
    explain: async (module, source, { chain, seq, report, covered, acting }, trust) => {
      await init({ module_or_path: module });
      const proof = new Uint8Array(await source.arrayBuffer());
      return explain(proof, `${chain}/${seq}`, trust, report, covered, acting) as Omit<Explanation, "proof">;
    },
    sha256: async (module, source) => sha256(await open(module, source, 1)),
    writeEvidence: async (module, { frame, trust, pins }, page, source) => {
      await init({ module_or_path: module });
      const file = writeEvidence(frame, await all(page), bytes(trust), pins.map(bytes), await all(source));
      return new Blob([file as Uint8Array<ArrayBuffer>], { type: "text/html" });
    },
    writeReport: async (module, { frame, trust, pins }) => {
      await init({ module_or_path: module });
      const report = writeReport(frame, bytes(trust), pins.map(bytes));
      return new Blob([report as Uint8Array<ArrayBuffer>, "\n"], { type: "application/json" });
    },
    readEvidence: async (module, file) => {
      // No program writes a longer one.
      if (file.size > LONGEST) {
        throw new CountersignError("evidence.invalid", "an evidence file above 160 MiB", {
          hint: "no program writes one so long",
        });
      }
      await init({ module_or_path: module });
      const [frame, pageSha256, source, pins, trust] = readEvidence(await all(file)) as Parts;
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      return {
        frame,
        pageSha256,
        export: new Blob([source]),
        pins: pins.map(text),
        trust: trust && text(trust),
      };
    },
    holdEvidence: async (module, frame, report) => {
      await init({ module_or_path: module });
      holdEvidence(frame, JSON.stringify(report));
    },
    draw: async (module, { root, seed, leaves, wanted }) => {
      await init({ module_or_path: module });
      return draw(root, seed, leaves, wanted);
    },
  };
  const host = connect<SlicerHost>(port, ours);
}

type Bytes = Uint8Array<ArrayBuffer>;
type Parts = [frame: string, pageSha256: string, source: Bytes, pins: Bytes[], trust: Bytes | undefined];

const LONGEST = 160 << 20;

async function all(blob: Blob): Promise<Uint8Array> {
  return new Uint8Array(await blob.arrayBuffer());
}

function bytes(text: string): Uint8Array;
function bytes(text: string | undefined): Uint8Array | undefined;
function bytes(text: string | undefined): Uint8Array | undefined {
  return text === undefined ? undefined : new TextEncoder().encode(text);
}

function cut(pieces: Pieces, selection: Selection, trust: Trust): number {
  if ("indexes" in selection) {
    return slice(pieces, selection.indexes, undefined, undefined, trust);
  }
  if ("range" in selection) {
    return slice(pieces, undefined, Float64Array.from(selection.range), undefined, trust);
  }
  return slice(pieces, undefined, undefined, `${selection.chain}/${selection.seq}`, trust);
}
