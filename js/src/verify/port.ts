/** What workers, and the host, see of each other. */

import type { FromWorker, Movable, ToWorker } from "./messages.js";

/** A port to whoever is on the other side: a worker's global scope, Node's `parentPort`, a `MessagePort`. */
export interface Port<In, Out> {
  postMessage(message: Out, transfer: Movable[]): void;
  onmessage: ((event: MessageEvent<In>) => void) | null;
}

/** What a worker sees of the host. */
export type HostPort = Port<ToWorker, FromWorker>;

/** As much of a `Worker` as is needed; other kinds of threads can be made to look like it. */
export interface WorkerLike {
  postMessage(message: unknown, transfer: Movable[]): void;
  terminate(): void;
  onmessage: ((event: MessageEvent) => unknown) | null;
  onerror: ((event: ErrorEvent) => unknown) | null;
  onmessageerror: ((event: MessageEvent) => unknown) | null;
}
