import type { Report } from "countersign/verify";

/** A file by its name and bytes. */
export interface Described {
  readonly name: string;
  readonly sha256: string;
  readonly size: number;
}

export interface Sampled {
  readonly wanted: number;
  readonly seed: string;
  readonly root: string;
  readonly witnessed: boolean;
  readonly candidates: number;
  readonly entries: readonly number[];
}

/** What a person wrote to an event. */
export interface Paper {
  readonly entry: number;
  readonly ticked: boolean;
  readonly flagged: boolean;
  readonly comment: string;
}

export type Block =
  /** A picture, and what is on it in words. */
  | { readonly svg: string; readonly text: string }
  | { readonly text: string }
  | { readonly list: readonly string[] }
  | { readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] };

/** A report with where it comes from (SPEC-DETECTION.md, section 14). */
export interface Frame {
  readonly file: Described;
  readonly tool: { readonly name: string; readonly version: string; readonly sha256: string };
  readonly time: string;
  readonly trust: Described | null;
  readonly pins: readonly Described[];
  readonly query: string | null;
  readonly scope: {
    readonly events: number;
    readonly range: readonly [number, number] | null;
    readonly sample: Sampled | null;
  };
  readonly report: Report;
  readonly slice: { readonly file: Described; readonly events: number; readonly report: Report } | null;
  readonly reference: string;
  readonly examiner: string;
  readonly papers: readonly Paper[];
  readonly sections: readonly { readonly title: string; readonly blocks: readonly Block[] }[];
}
