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
  readonly report: Report;
  readonly slice: { readonly file: FileRef; readonly events: number; readonly report: Report } | null;
  readonly reference: string;
  readonly examiner: string;
  readonly papers: readonly Paper[];
  readonly sections: readonly { readonly title: string; readonly blocks: readonly Block[] }[];
}
