/** What a page and the workers that look for findings ask each other. */

import type { CompiledModule } from "@countersign/shared/wasm.js";
import type { Lines } from "../index/in-pieces.js";
import type { Analysis } from "./types.js";

/** What a worker is there for: to make findings of what others detect, or to detect, event by event. */
export type Role = { readonly role: "service" } | { readonly role: "detector"; readonly service: MessagePort };

/** What the page asks of a worker: first to begin. */
export interface AnalysisWorker extends Pick<Analysis, "tell" | "select" | "list" | "of" | "entries" | "document"> {
  begin(module: CompiledModule, rules: string, role: Role): Promise<void>;
  // Of a detector.
  /** Resolves when the service has all that was detected there. */
  detect(events: readonly Lines[]): Promise<void>;
  // Of the service.
  /** Pieces will come from there. */
  join(detector: MessagePort): void;
}

/** What a detector asks of the service. */
export interface PieceTaker {
  take(piece: Uint8Array<ArrayBuffer>): void;
}
