/** The report that verifying an export gives: SPEC section 9, every word of it a closed type. */

import type {
  CheckName,
  ErrorFindingCode,
  InfoFindingCode,
  TrustBasis,
  Verdict,
  WarningFindingCode,
  Why,
} from "./codes.js";

export type {
  CheckName,
  ErrorFindingCode,
  InfoFindingCode,
  TrustBasis,
  Verdict,
  WarningFindingCode,
  Why,
} from "./codes.js";

/** How a check ended: over its items one failed, none failed but one had no answer, or all passed. */
export type CheckState = Check["state"];

interface Items {
  /** How many items had an answer. */
  checked: number;
  /** How many items had an error, each once. */
  failed: number;
}

/** The result of one check. `reason` says to a person why it has no answer. */
export type Check = Items & ({ state: "pass" | "fail"; reason: null } | { state: "not_checked"; reason: string });

/** What was found, as a word that programs may compare. Codes are stable. */
export type FindingCode = ErrorFindingCode | WarningFindingCode | InfoFindingCode;

/** What a finding means for its check. */
export type Severity = Finding["severity"];

interface Found {
  /** The line of the export, 1-based, blank lines counted. */
  line: number;
  /** The leaf's index in the log, where the line is a leaf. */
  index?: number;
  /** The chain that it is about, where it is about one: 32 characters of hex. */
  chain?: string;
  /** The link's place in its chain. */
  seq?: number;
  /** What was found, for people. */
  message: string;
  /** What to make of it or do about it, for people. */
  hint: string;
}

/** One thing that was found, and where. */
export type Finding = Found &
  (
    | { code: ErrorFindingCode; severity: "error" }
    | { code: WarningFindingCode; severity: "warning" }
    | { code: InfoFindingCode; severity: "info" }
  );

/** What an export is shown to be complete for: the leaves from `range[0]` to `range[1]` − 1, or all chains shown. */
export type Complete = { by: "range"; range: [number, number] } | { by: "closure" };

/** What an export holds. */
export interface Counts {
  /** Lines that are not blank, the header and malformed ones included. */
  lines: number;
  /** Leaves here. */
  leaves: number;
  /** Leaves that skips stand for. */
  skipped: number;
  /** Events shown. */
  events: number;
  /** Event links without their event. */
  withheld: number;
  /** Chains. */
  chains: number;
  /** Valid signatures on links. */
  signatures: number;
  /** Well-formed key notes. */
  notes: number;
  /** Well-formed checkpoints. */
  checkpoints: number;
}

/** The last checkpoint whose root the leaves gave. */
export interface Log {
  /** How many leaves it covers. */
  size: number;
  /** Its root hash, in base64. */
  root: string;
  /** When it was seen at by the quorum of witnesses: a time such as `2026-11-20T06:01:02.000Z`. */
  time: string | null;
}

/** A key that an open link names. */
export interface Signer {
  /** The verifier key: `name+hhhhhhhh+base64`. */
  vkey: string;
  /** Why it is trusted or not. */
  trust: TrustBasis;
  /** How many chains it signs here. */
  chains: number;
  /** How many links it has here, forks not counted. */
  links: number;
  /** The earliest time of a link. */
  first: string;
  /** The latest time of a link. */
  last: string;
}

interface Body {
  countersign: "report/v1";
  /** The log that the header names; null where there is no header. */
  origin: string | null;
  /** The checks. */
  checks: Record<CheckName, Check>;
  /** What the export holds. */
  counts: Counts;
  /** The last checkpoint whose root the leaves gave; null where there is none. */
  log: Log | null;
  /** Each key that an open link names, in the byte order of the keys. */
  signers: Signer[];
  /** Of each code the first hundred, by line. */
  findings: Finding[];
  /** How many findings of each code there are. */
  finding_counts: Partial<Record<FindingCode, number>>;
}

/**
 * What verifying produced. `message`, `hint` and `reason` are for people and worded freely; all the rest is the same
 * from every verifier. Only a `verified` export is shown to be complete for something.
 */
export type Report = Body &
  ({ verdict: "verified"; complete: Complete } | { verdict: Exclude<Verdict, "verified">; complete: null });

/** The chains whose signers are in doubt; all are, where a report lists fewer such chains than there are. */
export type Doubts = "all" | readonly string[];

/** A sentence of a report or an error as data, for those who say it in another language. */
export interface Phrase {
  /** A stable code. */
  readonly code: string;
  /** The values in it, by their names. */
  readonly values?: Readonly<Record<string, string | number>>;
}

/** Phrases by the English sentences that reports and errors have for people. */
export type Phrases = Readonly<Record<string, Phrase>>;

/** A report, and what it means to who reads it, as the core has it. */
export interface Judged {
  report: Report;
  /** What the report says to people, as data. A sentence without a code is not among it. */
  phrases: Phrases;
  /** What the words for the verdict depend on; null where they depend on nothing else, or on what was changed. */
  why: Why | null;
  /** The checks that are `not_checked` because nothing asks for an answer: people are told that they are not needed. */
  notNeeded: readonly CheckName[];
  /** Whose events are not to be trusted, whoever signed them. */
  doubts: Doubts;
}
