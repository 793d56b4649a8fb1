/** What a page and the workers that look for findings ask each other. */

import type { CompiledModule } from "../artefact/load.js";
import type { Facts, Listed, Told } from "./types.js";

/** What a worker is there for: to make findings of what others detect, or to detect, event by event. */
export type Role = { readonly role: "keeper" } | { readonly role: "detector"; readonly keeper: MessagePort };

/** What the page asks of a worker: first to begin. */
export interface AnalysisWorker {
  begin(module: CompiledModule, rules: string, role: Role): Promise<void>;
  // Of a detector.
  /** Resolves when the keeper has all that was detected there. */
  detect(events: Blob): Promise<void>;
  // Of the keeper.
  /** Pieces will come from there. */
  join(detector: MessagePort): void;
  tell(facts: Facts | undefined): Promise<Told>;
  list(from: number, to: number, rule: string | undefined): readonly Listed[];
  of(leaf: number, most: number): readonly Listed[];
  leaves(id: string): Float64Array;
  document(): Promise<Blob>;
}

/** What a detector asks of the keeper. */
export interface PieceTaker {
  take(piece: Uint8Array<ArrayBuffer>): void;
}
