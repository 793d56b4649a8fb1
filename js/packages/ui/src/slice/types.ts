/** Slices, proofs, hashes, and evidence files of an export. */

import type { CheckState, Judged, Why } from "@countersign/shared/report.js";
import type { AnalysisScope } from "../analyze/types.js";

/** The events to include in a slice. */
export type Selection =
  /** Events by entry index, with their proofs. With `allowsNone`, a slice without events is not an error. */
  | { readonly indexes: Float64Array; readonly allowsNone?: boolean }
  /** All entries from the first index up to, but not including, the second. */
  | { readonly range: readonly [number, number] }
  /** A single event. */
  | { readonly chain: string; readonly seq: number };

/** Options of a slicer's calls. */
export interface SliceOptions {
  /** Text of a trust file. Its quorum decides which checkpoints a slice keeps and which a proof uses. */
  readonly trust?: string | undefined;
  /** Reports progress: bytes read, of a total. A slice reads the export twice. */
  readonly onProgress?: ((bytes: number, total: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A smaller export that verifies on its own. */
export interface Slice {
  readonly bytes: Blob;
  /** Number of events it contains. */
  readonly events: number;
}

/** The proof of one event, step by step. */
export interface Explanation extends Pick<Judged, "report" | "notNeeded"> {
  /** The smallest export that proves the event; the report is about it. */
  readonly proof: Blob;
  /** The steps, each building on those before it. */
  readonly steps: readonly ProofStep[];
}

/** Subject of a proof step, from the event's bytes to the log's witnesses. */
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

/** An input or result of a proof step. */
export interface ProofFact {
  /** Name, such as `salt`. A step may have several facts of one name. */
  readonly name: string;
  readonly value: string;
}

/** A sibling hash on the path from a leaf to the root. */
export interface ProofHash {
  /** Height in the tree: 0 for the leaf itself. */
  readonly level: number;
  /** Side of the sibling, as seen from the path. */
  readonly side: "left" | "right";
  /** The hash, in base64. */
  readonly hash: string;
  /** The parent node of both, in base64. */
  readonly node: string;
}

/** A step of a proof. */
export interface ProofStep {
  readonly id: ProofStepId;
  readonly state: CheckState;
  readonly facts: readonly ProofFact[];
  /** Path up the tree; only in step `path`. */
  readonly hashes?: readonly ProofHash[];
}

/** The input of an evidence file, or of a report to file (SPEC-DETECTION.md, section 14). */
export interface Filing {
  /** The frame as JSON. `trust`, `pins`, and the slice's `file` may lack hash and size. */
  readonly frame: string;
  readonly trust?: string | undefined;
  readonly pins: readonly string[];
  /** The pack of a frame with `detections`, as canonical JSON. */
  readonly rules?: string | undefined;
}

/** The contents of an evidence file. They don't prove where the file comes from. */
export interface Evidence {
  /** Canonical JSON. */
  readonly frame: string;
  /** Hash of the page in the file, in hex. */
  readonly pageSha256: string;
  readonly export: Blob;
  readonly pins: readonly string[];
  readonly trust: string | undefined;
  /** The pack of rules, if the frame has `detections`. */
  readonly rules: string | undefined;
  /** Reason that selects the wording of the verdict, as in `Judged`. */
  readonly why: Why | null;
}

/** Queries to run on the export of an evidence file. */
export interface EvidenceSearch {
  readonly queries: readonly string[];
  /** The time from which relative times in queries count, in milliseconds since 1970. */
  readonly at: number;
  readonly trust: string | undefined;
  readonly pins: readonly string[];
}

/** Runs queries on an export, and returns the entries of the events that each of them selects, ascending. */
export type SearchExport = (source: Blob, search: EvidenceSearch) => Promise<readonly Float64Array[]>;

/** Rules to run over the export of an evidence file. */
export interface EvidenceRules {
  /** The pack as canonical JSON. */
  readonly rules: string;
  /** The entries that the file states, and the number of its findings: with more, it will be rejected. */
  readonly scope: AnalysisScope;
  readonly trust: string | undefined;
  readonly pins: readonly string[];
}

/** Runs rules over an export, and returns the result as `FiledFindings.detections`. */
export type DetectInExport = (source: Blob, rules: EvidenceRules) => Promise<string>;

/** A sample to draw (SPEC-DETECTION.md, section 14). */
export interface Drawing {
  /** The root hash, in base64. */
  readonly root: string;
  readonly seed: string;
  readonly entries: Float64Array;
  readonly wanted: number;
}

/**
 * Creates slices, proofs, and evidence files in workers that read the export again. Only parts are held in memory.
 */
export interface Slicer {
  /** Returns a smaller export with everything needed to verify it. */
  slice(source: Blob, selection: Selection, options?: SliceOptions): Promise<Slice>;
  /** Explains step by step how an event of a chain is proven. */
  explain(source: Blob, event: { chain: string; seq: number }, options?: SliceOptions): Promise<Explanation>;
  /** Returns the SHA-256 of the file's bytes as they are, compressed or not, in hex. */
  sha256(source: Blob, options?: Omit<SliceOptions, "trust">): Promise<string>;
  /** Returns an evidence file that consists of this page and this export. */
  writeEvidence(filing: Filing, page: Blob, source: Blob): Promise<Blob>;
  /** Returns the report alone, as canonical JSON. */
  writeReport(filing: Filing): Promise<Blob>;
  /**
   * Opens an evidence file and verifies its export against its trust file and pins. Rejects a file that was altered, or
   * whose claims its export contradicts. If the file contains everything that its query examined, `search` repeats the
   * query; if it contains everything that its rules examined, `detect` runs them again. Without them, such a file is
   * rejected.
   */
  openEvidence(file: Blob, search?: SearchExport, detect?: DetectInExport): Promise<Evidence>;
  /** Returns the drawn entries, in the order of the draw. */
  draw(drawing: Drawing): Promise<Float64Array>;
}
