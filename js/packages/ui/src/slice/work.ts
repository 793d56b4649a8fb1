/** A slicing worker. It reads an export for one task and is terminated afterwards. */

import { CountersignError } from "@countersign/shared/error.js";
import type { Report, Why } from "@countersign/shared/report.js";
import { connect, type Port } from "@countersign/shared/rpc.js";
import init, * as core from "../wasm/slicer.js";
import type { SampleRoot } from "./sample-root.js";
import type { Evidence, Explanation, Selection, Slice, Slicer } from "./types.js";

/** Calls from the page to the worker. */
export interface SlicerWorker extends Pick<Slicer, "writeEvidence" | "writeReport" | "draw"> {
  /** Must be called first. */
  begin(module: WebAssembly.Module): Promise<void>;
  slice(source: Blob, selection: Selection, trust: string | undefined): Promise<Slice>;
  explain(proof: Blob, event: EventToExplain, trust: string | undefined): Promise<Pick<Explanation, "steps">>;
  sha256(source: Blob): Promise<string>;
  readEvidence(file: Blob): Promise<Evidence>;
  holdEvidence(frame: string, verified: VerifiedExport): Promise<void>;
}

/** Result of verifying the export of an evidence file. */
export interface VerifiedExport {
  readonly report: Report;
  /** Entries of the events that verified. */
  readonly entries: Float64Array;
  /** Seed of samples; undefined if no checkpoint matches. */
  readonly root: SampleRoot | undefined;
  /** Entries of the events that the query selects; undefined if it wasn't repeated. */
  readonly selected?: Float64Array | undefined;
  /** Entries of the events that state no actor, no action, or no time; undefined if they weren't searched. */
  readonly unrecognized?: Float64Array | undefined;
  /** Result of running the rules again, as JSON; undefined if they weren't run. */
  readonly detections?: string | undefined;
}

/**
 * An event to explain: the report on its proof, whether the verifier returned the event, and which key notes took
 * effect.
 */
export interface EventToExplain {
  readonly chain: string;
  readonly seq: number;
  readonly report: Report;
  readonly covered: boolean;
  readonly acting: Float64Array;
}

/** Calls from the worker to the page. */
export interface SlicerHost {
  progress(bytes: number, total: number): void;
}

/** Serves the page at the other end of a port. */
export function work(port: Port): void {
  const open = (source: Blob, times: number) =>
    piecesOf(source, (bytes) => void host.progress(bytes, source.size * times));
  const api: SlicerWorker = {
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
    writeEvidence: async ({ frame, trust, pins, rules }, page, source) => {
      const [shell, content] = [await all(page), await all(source)];
      const file = core.writeEvidence(frame, shell, bytes(trust), pins.map(encode), rules, content);
      return new Blob([file as Uint8Array<ArrayBuffer>], { type: "text/html" });
    },
    writeReport: async ({ frame, trust, pins }) => {
      const report = core.writeReport(frame, bytes(trust), pins.map(encode));
      return new Blob([report as Uint8Array<ArrayBuffer>, "\n"], { type: "application/json" });
    },
    readEvidence: async (file) => {
      // countersign never writes a longer one.
      if (file.size > MAX_EVIDENCE_BYTES) {
        throw new CountersignError("evidence.invalid", "the evidence file is larger than 160 MiB", {
          hint: "choose a file that countersign wrote",
        });
      }
      const [frame, pageSha256, source, pins, trust, why, rules] = core.readEvidence(await all(file)) as Parts;
      const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
      return {
        frame,
        pageSha256,
        export: new Blob([source]),
        pins: pins.map(text),
        trust: trust && text(trust),
        rules: rules && text(rules),
        why,
      };
    },
    holdEvidence: async (frame, { report, entries, root, selected, unrecognized, detections }) =>
      core.holdEvidence(
        frame,
        JSON.stringify(report),
        entries,
        root?.root,
        root?.witnessed ?? false,
        selected,
        unrecognized,
        detections,
      ),
    draw: async ({ root, seed, entries, wanted }) => core.draw(root, seed, entries, wanted),
  };
  const host = connect<SlicerHost>(port, api, "host");
}

type Bytes = Uint8Array<ArrayBuffer>;
type Parts = [
  frame: string,
  pageSha256: string,
  source: Bytes,
  pins: Bytes[],
  trust: Bytes | undefined,
  why: Why | null,
  rules: Bytes | undefined,
];

const MAX_EVIDENCE_BYTES = 160 << 20;

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
    return core.slice(pieces, selection.indexes, undefined, undefined, trust, selection.allowsNone);
  }
  if ("range" in selection) {
    return core.slice(pieces, undefined, Float64Array.from(selection.range), undefined, trust);
  }
  return core.slice(pieces, undefined, undefined, `${selection.chain}/${selection.seq}`, trust);
}

/** Bytes read at a time. */
const PIECE_BYTES = 1 << 20;
/** Bytes read between two progress reports. */
const PROGRESS_BYTES = 8 << 20;

/**
 * Reads a blob piece by piece, and collects what is written. Calls `onProgress` with the bytes read, counted over all
 * passes.
 */
async function piecesOf(source: Blob, onProgress: (bytes: number) => void) {
  const read = await reader(source);
  const parts: BlobPart[] = [];
  let at = 0;
  let all = 0;
  let nextReport = PROGRESS_BYTES;
  return {
    rewind() {
      at = 0;
    },
    next() {
      if (at >= source.size) {
        return undefined;
      }
      const bytes = read(at, Math.min(at + PIECE_BYTES, source.size));
      at += bytes.length;
      all += bytes.length;
      if (all >= nextReport) {
        nextReport = all + PROGRESS_BYTES;
        onProgress(all);
      }
      return bytes;
    },
    write(bytes: Uint8Array) {
      // Each piece is a blob, which the browser may keep on disk: together they can be as long as the source.
      parts.push(new Blob([bytes as Uint8Array<ArrayBuffer>]));
    },
    /** Returns everything written. */
    written: (type: string) => new Blob(parts, { type }),
  };
}

/**
 * Returns a function that reads a range of a source. Web Workers read files synchronously; elsewhere the source is
 * loaded into memory first.
 */
async function reader(source: Blob): Promise<(begin: number, end: number) => Uint8Array> {
  if (typeof FileReaderSync === "undefined") {
    const all = new Uint8Array(await source.arrayBuffer());
    return (begin, end) => all.subarray(begin, end);
  }
  const files = new FileReaderSync();
  return (begin, end) => new Uint8Array(files.readAsArrayBuffer(source.slice(begin, end)));
}

/** Declared here because the type library for workers conflicts with that for pages. */
declare class FileReaderSync {
  readAsArrayBuffer(blob: Blob): ArrayBuffer;
}
