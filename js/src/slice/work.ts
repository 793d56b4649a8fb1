/** A slicing worker: it reads an export once more for one thing, and is ended then. */

import { connect, type Port } from "../calls/calls.js";
import type { Report } from "../report.js";
import init, { explain, sha256, slice } from "../wasm/slicer.js";
import { Pieces } from "./pieces.js";
import type { Explanation, Selection } from "./types.js";

type Trust = Uint8Array | undefined;

/** What is asked for. */
export interface SlicerWorker {
  slice(module: WebAssembly.Module, source: Blob, selection: Selection, trust: Trust): Promise<Sliced>;
  explain(module: WebAssembly.Module, proof: Blob, event: Explained, trust: Trust): Promise<Omit<Explanation, "proof">>;
  sha256(module: WebAssembly.Module, source: Blob): Promise<string>;
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
  };
  const host = connect<SlicerHost>(port, ours);
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
