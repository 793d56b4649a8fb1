/** The Web Worker. */

import { plainError } from "../verify/messages.js";
import type { FromSlicer, ToSlicer } from "./messages.js";
import { work } from "./work.js";

const host = globalThis as unknown as {
  onmessage: ((event: MessageEvent<ToSlicer>) => void) | null;
  postMessage(message: FromSlicer): void;
};

host.onmessage = ({ data }) => {
  const tell = (message: FromSlicer) => host.postMessage(message);
  work(data, tell).catch((error) => tell({ type: "failed", error: plainError(error) }));
};
