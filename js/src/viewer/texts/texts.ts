/** Everything that the viewer says. A language has all of it: a text that is missing does not compile. */

import type { CheckName, CheckState, FindingCode, Severity, SignerTrust, Verdict } from "../../report.js";
import type { FromCore } from "./core.js";
import type { FrameTexts } from "./frame.js";
import type { RowsTexts } from "./rows.js";

/** Says how many: `1 event`, `12,345 events`. */
export type Counting = (count: number) => string;

/** A verdict for a person, in the words of the specification's section 9. */
export interface VerdictText {
  readonly word: string;
  readonly says: string;
  /** What must not be read into it. */
  readonly not: readonly string[];
  /** What to do about it; empty where nothing is to be done. */
  readonly next: string;
}

/** What `verified` says beside: only that verdict is of something complete. */
export interface CompleteText {
  readonly range: (first: number, last: number) => string;
  readonly closure: string;
  /** What cannot be seen from a file, with a log that passed and without one. */
  readonly unseenWithLog: string;
  readonly unseenWithoutLog: string;
}

/** What a check looks at, and what it counts. */
export interface CheckText {
  readonly title: string;
  readonly about: string;
  readonly items: Counting;
}

/** A word and what it means. */
export interface Explained {
  readonly word: string;
  readonly why: string;
}

/** What verifying, its verdicts, checks, findings and signers are called. */
export interface ResultTexts {
  readonly verdicts: Readonly<Record<Verdict, VerdictText>>;
  readonly complete: CompleteText;
  /** `not_checked` where nothing could be read: the word is what was found. */
  readonly unread: Omit<VerdictText, "word">;
  /** `unconfirmed` where the log's key alone is not known. */
  readonly logUnconfirmed: VerdictText;
  readonly checks: Readonly<Record<CheckName, CheckText>>;
  readonly states: Readonly<Record<CheckState, string>>;
  readonly severities: Readonly<Record<Severity, Counting>>;
  readonly signers: Readonly<Record<SignerTrust, Explained>>;
  /** A few words for each code. */
  readonly codes: Readonly<Record<FindingCode, string>>;
}

/** Numbers, sizes and times in the language's own way. */
export interface FigureTexts {
  readonly count: Counting;
  readonly bytes: Counting;
  /** A length of time, from seconds. */
  readonly duration: Counting;
  readonly events: Counting;
  readonly leaves: Counting;
  readonly chains: Counting;
}

/** All of it. */
export interface Texts extends FrameTexts {
  /** The language, as BCP 47 calls it. */
  readonly lang: string;
  /** What the core says. */
  readonly core: FromCore;
  readonly figures: FigureTexts;
  readonly result: ResultTexts;
  readonly rows: RowsTexts;
}
