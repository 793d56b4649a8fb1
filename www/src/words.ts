import type {
  CheckName,
  CheckState,
  FindingCode,
  Report,
  Severity,
  SignerTrust,
  Verdict,
} from "countersign/verify";
import type { IconName } from "./icons.ts";

/** How a verdict, a check or a signer is shown: never by its colour alone. */
export type Tone = "good" | "fair" | "doubt" | "bad" | "faint";

/** A verdict for a person, in the words of the format's section 9. */
export interface VerdictWords {
  readonly word: string;
  readonly says: string;
  /** What must not be read into it. */
  readonly not: readonly string[];
  readonly next?: string;
  readonly icon: IconName;
  readonly tone: Tone;
}

const NEVER_TRUTH =
  "It does not mean that the events are true, nor that everything that happened was recorded: only that this is what was signed.";

const VERDICTS: Record<Verdict, Omit<VerdictWords, "says"> & { says: string }> = {
  altered: {
    word: "Altered.",
    says: "Something here is not what was recorded.",
    not: [
      "It does not say who altered it, or whether on purpose: a damaged file and a forged one look alike.",
      "Events listed below still carry valid signatures one by one. Do not rely on the file as a whole.",
    ],
    next: "Look at the errors below, keep this file as evidence, and ask for the export again from its source.",
    icon: "altered",
    tone: "bad",
  },
  broken: {
    word: "Broken.",
    says: "Something is missing, repeated, out of order, not allowed or not what was expected. Tampering, or a faulty writer.",
    not: [
      "It does not say which of the two: the errors below tell what was met and where.",
      "Events listed below still carry valid signatures one by one. Do not rely on the file as a whole.",
    ],
    next: "Look at the errors below, keep this file, and ask for the export again from its source.",
    icon: "broken",
    tone: "bad",
  },
  not_checked: {
    word: "Not checked to the end.",
    says: "This says nothing about the log's integrity.",
    not: [
      "It is no sign of tampering, and no pass either: a check that is needed here had no answer.",
      "The checks below say which one, and why.",
    ],
    next: "Often a trust file, or a newer export with a checkpoint, is what is missing.",
    icon: "not_checked",
    tone: "doubt",
  },
  unconfirmed: {
    word: "Consistent in itself, signer not confirmed.",
    says: "Signed by a key you have not chosen to trust: anyone could have made it.",
    not: [
      "It is no sign of tampering. But whoever makes up an export from nothing, with a key of his own, gets this verdict too.",
    ],
    next: "Get a trust file, or the signer's key, from someone you trust, by another way than this file came.",
    icon: "unconfirmed",
    tone: "doubt",
  },
  partial: {
    word: "Intact, not shown to be complete.",
    says: "Earlier, later or other events may exist, or some are withheld.",
    not: ["It is no sign of tampering: a part of a log is often all that was asked for.", NEVER_TRUTH],
    icon: "partial",
    tone: "fair",
  },
  verified: {
    word: "Verified.",
    says: "Unaltered, in order, signed by keys you trust",
    not: [NEVER_TRUTH],
    icon: "verified",
    tone: "good",
  },
};

/** What the report's verdict says to a person. */
export function verdictWords(report: Report): VerdictWords {
  const words = VERDICTS[report.verdict];
  if (report.verdict !== "verified") return words;
  const complete =
    report.complete?.by === "range"
      ? `complete for leaves ${report.complete.range[0]} to ${report.complete.range[1] - 1} of this log.`
      : "complete for the chains shown.";
  const unseen =
    report.checks.log.state === "pass"
      ? "A log cut back to an earlier state is noticed only against a pin or a greatest age: save the pin for next time."
      : "Without a log, a whole chain or key note taken out of the file cannot be noticed, nor the order of chains.";
  return { ...words, says: `${words.says}, ${complete}`, not: [...words.not, unseen] };
}

/** What a check looks at, and what it counts. */
export interface CheckWords {
  readonly title: string;
  readonly about: string;
  readonly one: string;
  readonly many: string;
}

/** The checks, in the order of the report. */
export const CHECKS: Record<CheckName, CheckWords> = {
  format: { title: "Format", about: "Every line is well formed", one: "line", many: "lines" },
  payloads: {
    title: "Events",
    about: "Every event is the one its link commits to",
    one: "event",
    many: "events",
  },
  chains: { title: "Chains", about: "Every link follows the one before it", one: "link", many: "links" },
  signatures: {
    title: "Signatures",
    about: "Keys that you trust cover every link",
    one: "link",
    many: "links",
  },
  tree: { title: "Tree", about: "The checkpoints match the leaves", one: "checkpoint", many: "checkpoints" },
  log: {
    title: "Log",
    about: "The checkpoints are signed by the log",
    one: "checkpoint",
    many: "checkpoints",
  },
  range: { title: "Range", about: "The claimed range is all here", one: "range", many: "ranges" },
  append_only: {
    title: "Append-only",
    about: "The log has only grown since your pins",
    one: "pin",
    many: "pins",
  },
  witnesses: {
    title: "Witnesses",
    about: "Enough of your witnesses cosigned",
    one: "checkpoint",
    many: "checkpoints",
  },
  time: { title: "Time", about: "No link is dated before the one it follows", one: "link", many: "links" },
  closure: { title: "Closure", about: "Every chain is closed and whole", one: "chain", many: "chains" },
  expected: {
    title: "Expected",
    about: "It is what you asked for",
    one: "expectation",
    many: "expectations",
  },
};

interface StateWords {
  readonly word: string;
  readonly icon: IconName;
  readonly tone: Tone;
}

export const STATES: Record<CheckState, StateWords> = {
  pass: { word: "Pass", icon: "pass", tone: "good" },
  fail: { word: "Fail", icon: "fail", tone: "bad" },
  not_checked: { word: "Not checked", icon: "unknown", tone: "faint" },
};

export const SEVERITIES: Record<Severity, { one: string; many: string; icon: IconName; tone: Tone }> = {
  error: { one: "error", many: "errors", icon: "fail", tone: "bad" },
  warning: { one: "warning", many: "warnings", icon: "warning", tone: "doubt" },
  info: { one: "note", many: "notes", icon: "info", tone: "faint" },
};

export const SIGNERS: Record<SignerTrust, { word: string; why: string; icon: IconName; tone: Tone }> = {
  trust_file: {
    word: "Trusted",
    why: "You name this key as an emitter.",
    icon: "pass",
    tone: "good",
  },
  granted: {
    word: "Trusted",
    why: "An issuer that you trust granted it in this log.",
    icon: "pass",
    tone: "good",
  },
  revoked: {
    word: "Revoked",
    why: "This key was revoked, in this log or in your trust file.",
    icon: "fail",
    tone: "bad",
  },
  unknown: {
    word: "Not confirmed",
    why: "Nobody that you trust vouches for this key. Its name is only what the signer calls itself.",
    icon: "unknown",
    tone: "doubt",
  },
};

/** What a key in a trust file is trusted for. */
export type KeyKind = "emitter" | "issuer" | "log";

export const KEY_KINDS: Record<KeyKind, { title: string; about: string }> = {
  emitter: { title: "Emitter", about: "signs chains of events itself: one service, one dashboard" },
  issuer: { title: "Issuer", about: "grants and revokes the emitters whose names begin with its own" },
  log: { title: "Log", about: "signs the checkpoints of the log that has the key's name" },
};

const CODES: Record<FindingCode, string> = {
  "append_only.not_reached": "The pinned size is not reached",
  "append_only.rollback": "The log is smaller than when it was pinned",
  "append_only.split_view": "The log is another one than was pinned",
  "chain.after_close": "A link after the chain's end",
  "chain.fork": "Two links for one place",
  "chain.gap": "Links are missing",
  "chain.jump": "Links are left out",
  "chain.no_open": "The chain's open link is missing",
  "chain.open": "The chain is not closed",
  "chain.origin": "The chain belongs to another log",
  "chain.prev": "A link does not follow from the one before",
  "expected.age": "The log's time is too old",
  "expected.origin": "Another log than was expected",
  "expected.range": "Expected leaves are missing",
  "format.checkpoint": "A malformed checkpoint",
  "format.header": "Not the header of an export",
  "format.leaf_size": "A leaf is too large",
  "format.line": "A malformed line",
  "format.link": "A malformed link",
  "format.note": "A malformed key note",
  "format.truncated": "The file was cut off",
  "format.unknown_member": "A member that is not verified",
  "key.expired": "Signed after the key's time",
  "key.late": "Not attested in time",
  "key.not_yet_valid": "Signed before the key's time",
  "key.revoked": "Signed with a revoked key",
  "key.statement": "A key note that has no effect",
  "key.suspect": "Perhaps signed by a thief",
  "key.unknown": "A key that you have not chosen to trust",
  "key.unseen": "A revocation may be among what is left out",
  "log.origin": "A checkpoint of another log",
  "log.signature": "The log's signature is invalid",
  "log.unknown": "No log key that you trust signed",
  "payload.duplicate_member": "An event has a member twice",
  "payload.mismatch": "An event is not the one recorded",
  "payload.reserialised": "An event was reformatted",
  "payload.withheld": "An event is withheld",
  "range.missing": "Claimed leaves are missing",
  "signature.invalid": "A signature is invalid",
  "signature.unsigned_tail": "Links that no signature covers",
  "time.future": "Dated later than it existed",
  "time.late": "Dated long before the log's time",
  "time.order": "The time goes back",
  "tree.position": "A checkpoint is out of place",
  "tree.root": "The leaves are not those of the checkpoint",
  "tree.skip_alignment": "A skip where none can stand",
  "tree.uncovered": "Leaves after the last checkpoint",
  "witness.quorum": "Too few of your witnesses cosigned",
  "witness.signature": "A witness's cosignature is invalid",
};

/** A few words for a code; the code itself where it is newer than this page. */
export function codeTitle(code: FindingCode): string {
  return CODES[code] ?? code;
}
