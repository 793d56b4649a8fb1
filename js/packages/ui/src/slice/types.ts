/** What else can be asked of an export that is at hand: a part of it, the proof of one event, its hash. */

import type { CheckState, Judged, Why } from "@countersign/shared/report.js";

/** What a slice shows. */
export type Selection =
  /** The events of the links at these indexes, and what proves them. */
  | { readonly indexes: Float64Array }
  /** All leaves from the first index up to, and not including, the second. */
  | { readonly range: readonly [number, number] }
  /** One event. */
  | { readonly chain: string; readonly seq: number };

/** How it is done. */
export interface SliceOptions {
  /** A trust file's text: its quorum decides which checkpoints a slice keeps, and what a proof stands on. */
  readonly trust?: string | undefined;
  /** Told how far reading came: bytes read, of how many. A slice reads twice. */
  readonly told?: ((bytes: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A smaller export, which verifies on its own. */
export interface Slice {
  readonly bytes: Blob;
  /** How many events it shows. */
  readonly events: number;
}

/** How one event is proven. */
export interface Explanation extends Pick<Judged, "report" | "notNeeded"> {
  /** The smallest export that proves it, of which the report is. */
  readonly proof: Blob;
  /** The steps, each building on those before it. */
  readonly steps: readonly ProofStep[];
}

/** What a step shows, from the event's bytes to the log's witnesses. */
export type ProofStepId =
  | "event"
  | "commit"
  | "link"
  | "chain"
  | "signature"
  | "key"
  | "leaf"
  | "path"
  | "checkpoint"
  | "log"
  | "witnesses";

/** Something that a step is computed from, or comes to. */
export interface ProofFact {
  /** Which: a word such as `salt`. A step may have several of one name. */
  readonly name: string;
  readonly value: string;
}

/** A hash beside the way from a leaf up to the root. */
export interface ProofHash {
  /** The height that the way has come to: 0 for the leaf itself. */
  readonly level: number;
  /** On which side of what is known so far it stands. */
  readonly side: "left" | "right";
  /** The hash, in base64. */
  readonly hash: string;
  /** The node that both give, in base64. */
  readonly node: string;
}

/** One step of a proof. */
export interface ProofStep {
  readonly id: ProofStepId;
  readonly state: CheckState;
  readonly facts: readonly ProofFact[];
  /** The way up the tree, in `path` alone. */
  readonly hashes?: readonly ProofHash[];
}

/** What an evidence file is written of, or a report that can be filed (SPEC-DETECTION.md, section 14). */
export interface Filing {
  /** The frame as JSON, in which `trust`, `pins` and the slice's `file` may lack hash and size. */
  readonly frame: string;
  readonly trust?: string | undefined;
  readonly pins: readonly string[];
}

/** The contents of an evidence file. They say nothing about where they come from. */
export interface Evidence {
  /** As canonical JSON. */
  readonly frame: string;
  /** Of the page in it, in hex. */
  readonly pageSha256: string;
  readonly export: Blob;
  readonly pins: readonly string[];
  readonly trust: string | undefined;
  /** What the words for the verdict of the frame's report depend on, as in `Judged`. */
  readonly why: Why | null;
}

/** A sample that is to be drawn (SPEC-DETECTION.md, section 14). */
export interface Drawing {
  /** The root hash, in base64. */
  readonly root: string;
  readonly seed: string;
  readonly entries: Float64Array;
  readonly wanted: number;
}

/** Does it, in workers that read the export once more. An export is never held in memory. */
export interface Slicer {
  /** A smaller export with all that it takes to verify it. */
  slice(source: Blob, selection: Selection, options?: SliceOptions): Promise<Slice>;
  /** How the event at a place of a chain is proven, step by step. */
  explain(source: Blob, event: { chain: string; seq: number }, options?: SliceOptions): Promise<Explanation>;
  /** The SHA-256 of all bytes as they are, compressed or not, in hex. */
  sha256(source: Blob, options?: Omit<SliceOptions, "trust">): Promise<string>;
  /** An evidence file that begins with this page and holds this export. */
  writeEvidence(filing: Filing, page: Blob, source: Blob): Promise<Blob>;
  /** The report alone, in canonical JSON. */
  writeReport(filing: Filing): Promise<Blob>;
  /**
   * Opens an evidence file: verifies the export in it by the trust file and pins in it. A file that isn't as it was written
   * is refused, and one that states what its own export refutes.
   */
  openEvidence(file: Blob): Promise<Evidence>;
  /** The leaves that are drawn, in the order of the draw. */
  draw(drawing: Drawing): Promise<Float64Array>;
}
