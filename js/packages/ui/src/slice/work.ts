/** A slicing worker: it reads an export once more for one thing, and is ended then. */

import { CountersignError } from "@countersign/shared/error.js";
import type { Report, Why } from "@countersign/shared/report.js";
import { connect, type Port } from "@countersign/shared/rpc.js";
import init, * as core from "../wasm/slicer.js";
import type { SampleRoot } from "./sample-root.js";
import type { Evidence, Explanation, Selection, Slice, Slicer } from "./types.js";

/** What is asked for. */
export interface SlicerWorker extends Pick<Slicer, "writeEvidence" | "writeReport" | "draw"> {
  /** Comes first. */
  begin(module: WebAssembly.Module): Promise<void>;
  slice(source: Blob, selection: Selection, trust: string | undefined): Promise<Slice>;
  explain(proof: Blob, event: Explained, trust: string | undefined): Promise<Pick<Explanation, "steps">>;
  sha256(source: Blob): Promise<string>;
  readEvidence(file: Blob): Promise<Evidence>;
  holdEvidence(frame: string, shown: Shown): Promise<void>;
}

/** What verifying the export of an evidence file gave. */
export interface Shown {
  readonly report: Report;
  /** The leaves of the events that verify. */
  readonly entries: Float64Array;
  /** What samples of the export are drawn by; none if no checkpoint matches. */
  readonly root: SampleRoot | undefined;
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
  const open = (source: Blob, times: number) => piecesOf(source, (bytes) => void host.read(bytes, source.size * times));
  const ours: SlicerWorker = {
    begin: async (module) => void (await init({ module_or_path: module })),
    slice: async (source, selection, trust) => {
      const pieces = await open(source, 2);
      const events = cut(pieces, selection, bytes(trust));
      return { bytes: pieces.written("application/x-ndjson"), events };
    },
    explain: async (source, { chain, seq, report, covered, acting }, trust) => {
      const proof = new Uint8Array(await source.arrayBuffer());
      const explained = core.explain(proof, `${chain}/${seq}`, bytes(trust), report, covered, acting);
      return explained as Pick<Explanation, "steps">;
    },
    sha256: async (source) => core.sha256(await open(source, 1)),
    writeEvidence: async ({ frame, trust, pins }, page, source) => {
      const file = core.writeEvidence(frame, await all(page), bytes(trust), pins.map(encode), await all(source));
      return new Blob([file as Uint8Array<ArrayBuffer>], { type: "text/html" });
    },
    writeReport: async ({ frame, trust, pins }) => {
      const report = core.writeReport(frame, bytes(trust), pins.map(encode));
      return new Blob([report as Uint8Array<ArrayBuffer>, "\n"], { type: "application/json" });
    },
    readEvidence: async (file) => {
      // No program writes a longer one.
      if (file.size > LONGEST) {
        throw new CountersignError("evidence.invalid", "an evidence file above 160 MiB", {
          hint: "no program writes one so long",
        });
      }
      const [frame, pageSha256, source, pins, trust, why] = core.readEvidence(await all(file)) as Parts;
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      return {
        frame,
        pageSha256,
        export: new Blob([source]),
        pins: pins.map(text),
        trust: trust && text(trust),
        why,
      };
    },
    holdEvidence: async (frame, { report, entries, root }) =>
      core.holdEvidence(frame, JSON.stringify(report), entries, root?.root, root?.witnessed ?? false),
    draw: async ({ root, seed, entries, wanted }) => core.draw(root, seed, entries, wanted),
  };
  const host = connect<SlicerHost>(port, ours, "host");
}

type Bytes = Uint8Array<ArrayBuffer>;
type Parts = [
  frame: string,
  pageSha256: string,
  source: Bytes,
  pins: Bytes[],
  trust: Bytes | undefined,
  why: Why | null,
];

const LONGEST = 160 << 20;

async function all(blob: Blob): Promise<Uint8Array> {
  return new Uint8Array(await blob.arrayBuffer());
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function bytes(text: string | undefined): Uint8Array | undefined {
  return text === undefined ? undefined : encode(text);
}

function cut(pieces: Parameters<typeof core.slice>[0], selection: Selection, trust: Uint8Array | undefined): number {
  if ("indexes" in selection) {
    return core.slice(pieces, selection.indexes, undefined, undefined, trust);
  }
  if ("range" in selection) {
    return core.slice(pieces, undefined, Float64Array.from(selection.range), undefined, trust);
  }
  return core.slice(pieces, undefined, undefined, `${selection.chain}/${selection.seq}`, trust);
}

/** How many bytes are read at a time. */
const PIECE = 1 << 20;
/** How many bytes are read between two words about it. */
const TOLD = 8 << 20;

/** The bytes of a blob, piece by piece, and what is written. `told` hears how many bytes were read, counted over all parsers. */
async function piecesOf(source: Blob, told: (bytes: number) => void) {
  const read = await reader(source);
  const parts: BlobPart[] = [];
  let at = 0;
  let all = 0;
  let nextTold = TOLD;
  return {
    rewind() {
      at = 0;
    },
    next() {
      if (at >= source.size) {
        return undefined;
      }
      const bytes = read(at, Math.min(at + PIECE, source.size));
      at += bytes.length;
      all += bytes.length;
      if (all >= nextTold) {
        nextTold = all + TOLD;
        told(all);
      }
      return bytes;
    },
    write(bytes: Uint8Array) {
      // A blob of its own, which the browser may keep on disk: together they can be as long as the source.
      parts.push(new Blob([bytes as Uint8Array<ArrayBuffer>]));
    },
    /** All that was written. */
    written: (type: string) => new Blob(parts, { type }),
  };
}

/** What reads a stretch of a source. In the web's workers a file is read without waiting. Elsewhere it is in memory first. */
async function reader(source: Blob): Promise<(begin: number, end: number) => Uint8Array> {
  if (typeof FileReaderSync === "undefined") {
    const all = new Uint8Array(await source.arrayBuffer());
    return (begin, end) => all.subarray(begin, end);
  }
  const files = new FileReaderSync();
  return (begin, end) => new Uint8Array(files.readAsArrayBuffer(source.slice(begin, end)));
}

/** Of the library for workers, which cannot be loaded beside that for pages. */
declare class FileReaderSync {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}
