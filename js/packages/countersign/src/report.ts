/** The report of verifying an export (SPEC section 9). */

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

/** The state of a check: `fail` if an item failed, `not_checked` if an item had no answer, otherwise `pass`. */
export type CheckState = Check["state"];

interface CheckedItems {
  /** Number of items that were checked. */
  checked: number;
  /** Number of items with an error, each counted once. */
  failed: number;
}

/** The result of a check. `reason` is a human-readable explanation of why it was not done. */
export type Check = CheckedItems &
  ({ state: "pass" | "fail"; reason: null } | { state: "not_checked"; reason: string });

/** A stable code of a finding. */
export type FindingCode = ErrorFindingCode | WarningFindingCode | InfoFindingCode;

/** The effect of a finding on its check. */
export type Severity = Finding["severity"];

interface FindingBase {
  /** The line number in the export, from 1, blank lines included. */
  line: number;
  /** The entry's index in the log, if the line is an entry. */
  index?: number;
  /** The affected chain, if any: 32 hex characters. */
  chain?: string;
  /** The link's `seq` in its chain. */
  seq?: number;
  /** A human-readable description. */
  message: string;
  /** Human-readable advice. */
  hint: string;
}

/** A problem or notice in an export. */
export type Finding = FindingBase &
  (
    | { code: ErrorFindingCode; severity: "error" }
    | { code: WarningFindingCode; severity: "warning" }
    | { code: InfoFindingCode; severity: "info" }
  );

/** The scope for which an export is proven complete: entries `range[0]` to `range[1]` − 1, or all shown chains. */
export type Complete = { by: "range"; range: [number, number] } | { by: "closure" };

/** Counts of an export's contents. */
export interface Counts {
  /** Non-blank lines, including the header and malformed ones. */
  lines: number;
  /** Entries in the export. */
  entries: number;
  /** Entries omitted from the export. */
  skipped: number;
  /** Events shown. */
  events: number;
  /** Event links whose event is withheld. */
  withheld: number;
  chains: number;
  /** Valid signatures on links. */
  signatures: number;
  /** Well-formed key notes. */
  notes: number;
  /** Well-formed checkpoints. */
  checkpoints: number;
}

/** The last checkpoint whose root hash the entries produce. */
export interface Log {
  /** Number of entries that it covers. */
  size: number;
  /** The root hash, in base64. */
  root: string;
  /** When the quorum of witnesses saw it, such as `2026-11-20T06:01:02.000Z`; null without a quorum. */
  time: string | null;
}

/** The root log of a tenant log at its last head (SPEC.md, section 16). */
export interface RootLog {
  /** The root log's origin. */
  origin: string;
  /** Number of its entries, one for each tick. */
  size: number;
  /** Its root hash, in base64. */
  root: string;
  /** The time of the last tick, by the log server's clock. */
  time: string;
}

/** The anchors that the entries of a tenant log agree with (SPEC.md, section 16). */
export interface History {
  /** The time of the first anchor, by the log server's clock. */
  since: string;
  /** Number of anchors. */
  anchors: number;
  /** The time of the last anchor. */
  to: string;
}

/** A key named by an open link. */
export interface Signer {
  /** The public key (vkey): `name+hhhhhhhh+base64`. */
  vkey: string;
  /** The reason for its trust. */
  trust: TrustBasis;
  /** Number of chains that it signs in the export. */
  chains: number;
  /** Number of its links in the export, without forks. */
  links: number;
  /** The earliest time of a link. */
  first: string;
  /** The latest time of a link. */
  last: string;
}

interface ReportBody {
  countersign: "report/v1";
  /** The origin of the log that the header names; null without a header. */
  origin: string | null;
  checks: Record<CheckName, Check>;
  /** Counts of the export's contents. */
  counts: Counts;
  /** The last checkpoint whose root hash the entries produce; null if there is none. */
  log: Log | null;
  /** The root log, if this is a tenant log. */
  root_log?: RootLog;
  /** The anchors that the entries agree with, if this is a tenant log and there are any. */
  history?: History;
  /**
   * True if this is a tenant log, and a growth witness that the trust file's quorum requires checked that it only grew.
   * Absent otherwise, and unless the verdict is `verified`.
   */
  only_grew?: true;
  /** The number of summaries from others that the report rests on: their hashes and signatures were not checked again. */
  summaries?: number;
  /** Each key named by an open link, in the byte order of the keys. */
  signers: Signer[];
  /** The first hundred findings of each code, by line. */
  findings: Finding[];
  /** The number of findings of each code. */
  finding_counts: Partial<Record<FindingCode, number>>;
}

/**
 * The result of verifying an export. `message`, `hint`, and `reason` are for people and may change; everything else is
 * the same from every verifier. Only a `verified` export is proven complete for a scope.
 */
export type Report = ReportBody &
  ({ verdict: "verified"; complete: Complete } | { verdict: Exclude<Verdict, "verified">; complete: null });

/** The chains whose signers are in doubt; "all" if the report doesn't list all of them. */
export type Doubts = "all" | readonly string[];

/** A sentence of a report or an error as data, for translations. */
export interface Phrase {
  readonly code: string;
  /** The values in the sentence, by name. */
  readonly values?: Readonly<Record<string, string | number>>;
}

/** Phrases by their English sentences in reports and errors. */
export type Phrases = Readonly<Record<string, Phrase>>;

/** A report with the core's interpretation. */
export interface Judged {
  report: Report;
  /** The sentences of the report as data. Sentences without a code are missing. */
  phrases: Phrases;
  /** The reason for the verdict; null if the verdict needs none, or if the reason was a change. */
  why: Why | null;
  /** Checks that are `not_checked` because nothing requires them; the sentences say that they aren't needed. */
  notNeeded: readonly CheckName[];
  /** The chains whose events should not be trusted, regardless of their signer. */
  doubts: Doubts;
}
