/** Reads an export once more for one thing. */

import init, { explain, sha256, slice } from "../wasm/slicer.js";
import type { FromSlicer, Job, ToSlicer } from "./messages.js";
import { Pieces } from "./pieces.js";
import type { Explanation, Selection } from "./types.js";

type Tell = (message: FromSlicer) => void;

/** Does what is asked for, and tells what came of it. */
export async function work({ module, job }: ToSlicer, tell: Tell): Promise<void> {
  await init({ module_or_path: module });
  const { source, trust } = job;
  const total = source.size * (job.kind === "slice" ? 2 : 1);
  const pieces = await Pieces.open(source, (bytes) => tell({ type: "read", bytes, total }));
  switch (job.kind) {
    case "slice": {
      const events = cut(pieces, job.selection, trust);
      tell({ type: "slice", bytes: pieces.written("application/x-ndjson"), events });
      break;
    }
    case "explain":
      tell({ type: "explain", explained: await explained(job) });
      break;
    case "sha256":
      tell({ type: "sha256", sha256: sha256(pieces) });
      break;
  }
}

function cut(pieces: Pieces, selection: Selection, trust: Uint8Array | undefined): number {
  if ("indexes" in selection) {
    return slice(pieces, selection.indexes, undefined, undefined, trust);
  }
  if ("range" in selection) {
    return slice(pieces, undefined, Float64Array.from(selection.range), undefined, trust);
  }
  return slice(pieces, undefined, undefined, `${selection.chain}/${selection.seq}`, trust);
}

async function explained(job: Extract<Job, { kind: "explain" }>): Promise<Omit<Explanation, "proof">> {
  const { source, chain, seq, trust, report, covered, acting } = job;
  const proof = new Uint8Array(await source.arrayBuffer());
  return explain(proof, `${chain}/${seq}`, trust, report, covered, acting) as Omit<Explanation, "proof">;
}
