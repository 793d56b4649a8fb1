/** A shelf whose worker runs on this thread, behind a channel as a worker is. */

import { createShelf } from "../../dist/shelf/host.js";
import type { PagePort } from "../../dist/shelf/protocol.js";
import { serve } from "../../dist/shelf/serve.js";
import type { Shelf } from "../../dist/shelf/types.js";
import type { WorkerLike } from "../../dist/verify/create-verifier.js";

export function inline(): Shelf {
  return createShelf(start);
}

function start(): WorkerLike {
  const { port1, port2 } = new MessageChannel();
  serve(port2 as unknown as PagePort);
  const like: WorkerLike = {
    postMessage: (message, transfer) => port1.postMessage(message, transfer),
    terminate: () => port1.close(),
    onmessage: null,
    onerror: null,
    onmessageerror: null,
  };
  port1.onmessage = (event) => like.onmessage?.(event);
  return like;
}
