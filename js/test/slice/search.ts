/** Searches the export of an evidence file again, in Node.js with worker threads. */

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { createVerifier } from "countersign/slim";
import script from "../../packages/countersign/dist/inlined/worker.node.js";
import { thread } from "../../packages/countersign/dist/verify/thread.node.js";
import type { EvidenceSearch, SearchExport } from "../../packages/ui/dist/slice/types.js";
import { threaded } from "../index/threaded.ts";

const module = fileURLToPath(import.meta.resolve("countersign/verifier.wasm"));
/** Setup of a verifier in Node.js. */
const setup = {
  module: async () => WebAssembly.compile(await readFile(module)),
  worker: () => thread(script),
};
const { verify } = createVerifier(setup);

/** Verifies an export, and adds its events to an index. */
export async function verifyInto(
  index: ReturnType<typeof threaded>,
  source: Blob,
  { trust, pins }: Pick<EvidenceSearch, "trust" | "pins">,
) {
  const verification = await verify(index.open(source), {
    trust,
    pins,
    threads: 0,
    onEvents: ({ bytes }) => index.add(bytes as Uint8Array<ArrayBuffer>),
    onMarks: (marks) => index.mark(marks),
  });
  await index.settle();
  return verification;
}

export const search: SearchExport = async (source, { queries, at, trust, pins }) => {
  const index = threaded();
  try {
    await verifyInto(index, source, { trust, pins });
    const found: Float64Array[] = [];
    for (const query of queries) {
      await index.ask(query, { by: "place", descending: false }, () => {}, at);
      found.push(await index.indexes());
    }
    return found;
  } finally {
    index.close();
  }
};
