/** What workers, and the host, see of each other. */

import type { FromWorker, Movable, ToWorker } from "./messages.js";

/** A port to whoever is on the other side: a worker's global scope, Node's `parentPort`, a `MessagePort`. */
export interface Port<In, Out> {
  postMessage(message: Out, transfer: Movable[]): void;
  onmessage: ((event: MessageEvent<In>) => void) | null;
}

/** What a worker sees of the host. */
export type HostPort = Port<ToWorker, FromWorker>;
