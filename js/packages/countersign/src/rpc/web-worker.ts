/**
 * What the Web Workers' scripts share. Each kind of worker has an entry of its own, `worker.ts`, so that its script
 * contains only its own code and loads only its own WebAssembly: `countersign` has no files of the viewer's workers, and
 * a page in a single file starts workers from blobs, which can import nothing.
 */

import type { Port } from "./connect.js";

/** Has this Web Worker serve the page or the worker that started it. */
export function serveFromWorker(serve: (port: Port) => void): void {
  serve(globalThis as unknown as Port);
}
