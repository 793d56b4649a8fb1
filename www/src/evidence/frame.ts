import type { Coverage, EntryCount, PackInfo, RuleFindings } from "@countersign/ui/analyze/types.js";
import type { Report } from "countersign/verify";

/** A file, by name and content. */
export interface FileRef {
  readonly name: string;
  readonly sha256: string;
  readonly size: number;
}

export interface Sample {
  readonly wanted: number;
  readonly seed: string;
  readonly root: string;
  readonly witnessed: boolean;
  readonly candidates: number;
  readonly entries: readonly number[];
}

/** A person's note on an event. */
export interface Paper {
  readonly entry: number;
  readonly ticked: boolean;
  readonly flagged: boolean;
  readonly comment: string;
}

export type Block =
  /** An image with its description. */
  | { readonly svg: string; readonly text: string }
  | { readonly text: string }
  | { readonly list: readonly string[] }
  | { readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] };

/** The result of detection rules (SPEC-DETECTION.md, section 14). */
export interface Detections {
  readonly pack: PackInfo;
  readonly engine: string;
  readonly findings: number;
  readonly digest: string;
  /** Findings by rule and level, most serious first. */
  readonly rules: readonly RuleFindings[];
  readonly coverage: Coverage;
  /** Rules that reached a memory limit. */
  readonly limits: readonly { readonly rule: string }[];
  /** Events whose own time is later than their recording. */
  readonly future: EntryCount | null;
}

/** A statement of the author of a report, for people in its blocks and for programs in its data. */
export interface Section {
  readonly title: string;
  readonly blocks: readonly Block[];
  readonly data: unknown;
}

/** The frame of a report, with its origin (SPEC-DETECTION.md, section 14). */
export interface Frame {
  readonly file: FileRef;
  readonly tool: { readonly name: string; readonly version: string; readonly sha256: string };
  readonly time: string;
  readonly trust: FileRef | null;
  readonly pins: readonly FileRef[];
  readonly query: string | null;
  readonly scope: {
    readonly events: number;
    /** The search that selected them; null without a query. */
    readonly examined: { readonly events: number; readonly unrecognized: number } | null;
    readonly range: readonly [number, number] | null;
    readonly sample: Sample | null;
  };
  /** The result of detection rules; null if none were run. */
  readonly detections: Detections | null;
  readonly report: Report;
  readonly slice: { readonly file: FileRef; readonly events: number; readonly report: Report } | null;
  readonly reference: string;
  readonly examiner: string;
  readonly papers: readonly Paper[];
  readonly sections: readonly Section[];
}
