/**
 * Shared code of the Web Workers' scripts. Each kind of worker has its own entry, `worker.ts`, whose script contains
 * only its own code and loads only its own WebAssembly: `countersign` must not include the viewer's workers, and a
 * single-file page starts workers from blobs, which can't import anything.
 */

import type { Port } from "./connect.js";

/** Serves the page or the worker that started this Web Worker. */
export function serveFromWorker(serve: (port: Port) => void): void {
  serve(globalThis as unknown as Port);
}
