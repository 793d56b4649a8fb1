/** Messages between a page and the workers of an analysis. */

import type { CompiledModule } from "@countersign/shared/wasm.js";
import type { Lines } from "../index/in-pieces.js";
import type { Analysis } from "./types.js";

/** Role of a worker: the service makes findings from what detectors find in the events. */
export type Role =
  | { readonly role: "service"; readonly maxFindings?: number | undefined }
  | {
      readonly role: "detector";
      readonly service: MessagePort;
      /** Entries to examine, as `[first, end)`; all of them without a range. */
      readonly range?: readonly [number, number] | undefined;
    };

/** Calls from the page to a worker. `begin` comes first. */
export interface AnalysisWorker
  extends Pick<
    Analysis,
    "status" | "select" | "list" | "groups" | "members" | "findingsOf" | "entriesOf" | "document" | "filed"
  > {
  begin(module: CompiledModule, rules: string, role: Role): Promise<void>;
  // Detectors only.
  /** Resolves when the service has everything detected in these events. */
  detect(events: readonly Lines[]): Promise<void>;
  // Service only.
  /** Receives pieces from this port. */
  join(detector: MessagePort): void;
}

/** Calls from a detector to the service. */
export interface PieceConsumer {
  accept(piece: Uint8Array<ArrayBuffer>): void;
}
