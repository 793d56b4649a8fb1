/** The Web Worker. */

import { plainError } from "../verify/protocol.js";
import type { FromSlicer, ToSlicer } from "./protocol.js";
import { work } from "./work.js";

const host = globalThis as unknown as {
  onmessage: ((event: MessageEvent<ToSlicer>) => void) | null;
  postMessage(message: FromSlicer): void;
};

host.onmessage = ({ data }) => {
  const tell = (message: FromSlicer) => host.postMessage(message);
  work(data, tell).catch((error) => tell({ type: "failed", error: plainError(error) }));
};
