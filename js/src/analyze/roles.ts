/** What a page and the workers that look for findings ask each other. */

import type { CompiledModule } from "../artefact/load.js";
import type { Facts, FindingsStatus, Listed } from "./types.js";

/** What a worker is there for: to make findings of what others detect, or to detect, event by event. */
export type Role = { readonly role: "service" } | { readonly role: "detector"; readonly service: MessagePort };

/** What the page asks of a worker: first to begin. */
export interface AnalysisWorker {
  begin(module: CompiledModule, rules: string, role: Role): Promise<void>;
  // Of a detector.
  /** Resolves when the service has all that was detected there. */
  detect(events: Blob): Promise<void>;
  // Of the service.
  /** Pieces will come from there. */
  join(detector: MessagePort): void;
  tell(facts: Facts | undefined): Promise<FindingsStatus>;
  list(from: number, to: number, rule: string | undefined): readonly Listed[];
  of(leaf: number, most: number): readonly Listed[];
  leaves(id: string): Float64Array;
  document(): Promise<Blob>;
}

/** What a detector asks of the service. */
export interface PieceTaker {
  take(piece: Uint8Array<ArrayBuffer>): void;
}
