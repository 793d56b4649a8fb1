/** What the host and a slicing worker say to each other. */

import type { Report } from "../report.js";
import type { PlainError } from "../verify/messages.js";
import type { Explanation, Selection } from "./types.js";

/** What a worker is asked for. It does one thing, and is ended then. */
export type Job = { readonly source: Blob; readonly trust: Uint8Array | undefined } & (
  | { readonly kind: "slice"; readonly selection: Selection }
  | {
      readonly kind: "explain";
      readonly chain: string;
      readonly seq: number;
      /** What verifying the source gave, whether the event was handed out then, and which key notes act. */
      readonly report: Report;
      readonly covered: boolean;
      readonly acting: Float64Array;
    }
  | { readonly kind: "sha256" }
);

/** To the worker. */
export interface ToSlicer {
  readonly module: WebAssembly.Module;
  readonly job: Job;
}

/** From the worker. */
export type FromSlicer =
  | { readonly type: "read"; readonly bytes: number; readonly total: number }
  | { readonly type: "slice"; readonly bytes: Blob; readonly events: number }
  | { readonly type: "explain"; readonly explained: Omit<Explanation, "proof"> }
  | { readonly type: "sha256"; readonly sha256: string }
  | { readonly type: "failed"; readonly error: PlainError };
