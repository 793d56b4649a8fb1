/** What the viewer says in its rows and of one event. In braces stand values of the file: each slot once or not at all. */

import type { ProofStepId } from "../../slice/types.js";
import type { Standing } from "../standing.js";
import type { Counting, Explained } from "./texts.js";

/** The columns that have names. */
export type NamedColumn =
  | "time"
  | "action"
  | "actor"
  | "target"
  | "outcome"
  | "tenant"
  | "place"
  | "signer"
  | "index"
  | "line";

/** Why an event is withheld, by the exporter's words. */
export type Why = "erased" | "redacted" | "filtered" | "unsaid";

/** The list of events. */
export interface ListTexts {
  /** The grid's name, with how many rows it has. */
  readonly label: Counting;
  /** What the column is of who signed. */
  readonly standing: string;
  readonly reading: string;
  /** Where the browser no longer has the events. */
  readonly lost: string;
  readonly none: string;
  readonly gap: Counting;
  /** Which leaves they are. */
  readonly gapPlace: (first: number, last: number) => string;
  readonly withheld: Readonly<Record<Why, string>>;
}

/** Choosing columns. */
export interface ColumnsTexts {
  readonly names: Readonly<Record<NamedColumn, string>>;
  readonly open: string;
  readonly heading: string;
  readonly about: string;
  readonly earlier: (column: string) => string;
  readonly later: (column: string) => string;
  readonly narrower: (column: string) => string;
  readonly wider: (column: string) => string;
  readonly member: string;
  readonly memberHint: string;
  readonly add: string;
  readonly reset: string;
  readonly close: string;
}

/** One event, or what stands where one is not shown. */
export interface DrawerTexts {
  readonly event: Counting;
  readonly withheld: Counting;
  readonly gap: Counting;
  readonly position: (row: number, of: number) => string;
  readonly previous: string;
  readonly next: string;
  readonly close: string;
  readonly sentences: Readonly<
    Record<"all" | "withoutTarget" | "withoutActor" | "actionAlone" | "outcome" | "untold", string>
  >;
  readonly withheldAbout: string;
  readonly withheldWhy: string;
  readonly gapAbout: string;
  readonly gapUnknown: string;
  readonly changes: string;
  readonly members: string;
  readonly place: string;
  readonly proof: string;
  readonly bytes: string;
  readonly facts: Readonly<
    Record<"time" | "chain" | "seq" | "index" | "line" | "signer" | "id" | "key" | "trust" | "leaves", string>
  >;
  /** Whose clock a time is by. */
  readonly bySigner: string;
  readonly wholeKey: string;
  readonly empty: string;
  readonly looksLike: string;
  readonly moreMembers: Counting;
  readonly showMore: string;
  readonly unreadable: string;
  readonly clipped: (shown: number, of: number) => string;
  readonly showAll: string;
  readonly copy: string;
  readonly copied: string;
  readonly notCopied: string;
}

/** What changed. */
export interface DiffTexts {
  readonly kinds: Readonly<Record<"added" | "removed" | "changed", string>>;
  readonly before: string;
  readonly after: string;
  readonly same: Counting;
  readonly nothing: string;
  readonly more: Counting;
  readonly onlyBefore: string;
  readonly onlyAfter: string;
  /** What before and after prove. */
  readonly about: string;
}

/** One step of a proof. */
export interface StepText {
  readonly title: string;
  readonly about: string;
}

/** How an event is proven. */
export interface ProofTexts {
  readonly about: string;
  readonly explain: string;
  readonly explaining: string;
  readonly read: (bytes: number, of: number) => string;
  readonly cancel: string;
  readonly save: string;
  readonly saveAbout: string;
  readonly failed: string;
  readonly again: string;
  readonly states: Readonly<Record<"pass" | "fail" | "not_checked", string>>;
  readonly steps: Readonly<Record<ProofStepId, StepText>>;
  /** Names of facts. One that is not here is called what the explainer calls it. */
  readonly facts: Readonly<Record<string, string>>;
  readonly hashes: Counting;
  readonly level: string;
  readonly side: string;
  readonly hash: string;
  /** What both hashed together give. */
  readonly node: string;
  readonly sides: Readonly<Record<"left" | "right", string>>;
  /** Before the verdict over the proof alone. */
  readonly verdict: string;
}

/** All of it. */
export interface RowsTexts {
  readonly standing: Readonly<Record<Standing, Explained>>;
  readonly list: ListTexts;
  readonly columns: ColumnsTexts;
  readonly drawer: DrawerTexts;
  readonly diff: DiffTexts;
  readonly proof: ProofTexts;
}
