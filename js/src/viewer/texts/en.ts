/** English. */

import { counting, grouped, lasting, sized } from "./figures.js";
import { frameEn } from "./frame.en.js";
import { rowsEn } from "./rows.en.js";
import type { ResultTexts, Texts } from "./texts.js";

const LANG = "en-GB";
const counted = (one: string, many = `${one}s`) => counting(LANG, one, many);

const NEVER_TRUTH =
  "It does not mean that the events are true, nor that everything that happened was recorded: only that this is what was signed.";
const ONE_BY_ONE = "Each event that is shown has a valid signature. Do not rely on the file as a whole.";

const result: ResultTexts = {
  verdicts: {
    altered: {
      word: "Altered.",
      says: "Something here is not what was recorded.",
      not: [
        "It does not say who altered it, or whether on purpose: a damaged file and a forged one look alike.",
        ONE_BY_ONE,
      ],
      next: "Look at the errors below, keep this file as evidence, and ask for the export again from its source.",
    },
    broken: {
      word: "Broken.",
      says: "Something is missing, repeated, out of order, not allowed or not what was expected. Tampering, or a faulty writer.",
      not: ["It does not say which of the two: the errors below tell what was met and where.", ONE_BY_ONE],
      next: "Look at the errors below, keep this file, and ask for the export again from its source.",
    },
    not_checked: {
      word: "Not checked to the end.",
      says: "This says nothing about the log's integrity.",
      not: [
        "It does not mean tampering, and no pass either: a check that is needed here had no answer. The checks below say which one, and why.",
      ],
      next: "Often a trust file, or a newer export with a checkpoint, is what is missing.",
    },
    unconfirmed: {
      word: "Consistent in itself, signer not confirmed.",
      says: "Signed by a key you have not chosen to trust: anyone could have made it.",
      not: [
        "It does not mean tampering. But whoever makes up an export from nothing, with their own key, gets this verdict too.",
      ],
      next: "Get a trust file, or the signer's key, from someone you trust, by another way than this file came.",
    },
    partial: {
      word: "Intact, not shown to be complete.",
      says: "Earlier, later or other events may exist, or some are withheld.",
      not: ["It does not mean tampering: a part of a log is often all that was asked for.", NEVER_TRUTH],
      next: "",
    },
    verified: {
      word: "Verified.",
      says: "Unaltered, in order, signed by keys you trust",
      not: [NEVER_TRUTH],
      next: "",
    },
  },
  complete: {
    range: (first, last) => `complete for leaves ${first} to ${last} of this log.`,
    closure: "complete for the chains shown.",
    unseenWithLog:
      "A log cut back to an earlier state is noticed only against a pin or a greatest age: save the pin for next time.",
    unseenWithoutLog:
      "Without a log, a whole chain or key note taken out of the file cannot be noticed, nor the order of chains.",
  },
  checks: {
    format: { title: "Format", about: "Every line is well formed", items: counted("line") },
    payloads: { title: "Events", about: "Every event is the one its link commits to", items: counted("event") },
    chains: { title: "Chains", about: "Every link follows the one before it", items: counted("link") },
    signatures: { title: "Signatures", about: "Keys that you trust cover every link", items: counted("link") },
    tree: { title: "Tree", about: "The checkpoints match the leaves", items: counted("checkpoint") },
    log: { title: "Log", about: "The checkpoints are signed by the log", items: counted("checkpoint") },
    range: { title: "Range", about: "The claimed range is all here", items: counted("range") },
    append_only: { title: "Append-only", about: "The log has only grown since your pins", items: counted("pin") },
    witnesses: { title: "Witnesses", about: "Enough of your witnesses cosigned", items: counted("checkpoint") },
    time: { title: "Time", about: "No link is dated before the one it follows", items: counted("link") },
    closure: { title: "Closure", about: "Every chain is closed and whole", items: counted("chain") },
    expected: { title: "Expected", about: "It is what you asked for", items: counted("expectation") },
  },
  states: { pass: "Pass", fail: "Fail", not_checked: "Not checked" },
  severities: { error: counted("error"), warning: counted("warning"), info: counted("note") },
  unread: {
    says: "This says nothing about the log's integrity.",
    not: ["It is no sign of tampering, and it is no pass: nothing in the file was checked."],
    next: "The finding below says what the file seems to be, and what to do.",
  },
  logUnconfirmed: {
    word: "Consistent in itself, log not confirmed.",
    says: "No log key that you trust signed the last checkpoint: anyone could have put these chains together.",
    not: [
      "It does not mean tampering, and the events are signed by keys you trust. But chains, or the ends of chains, may have been left out.",
    ],
    next: "Get the log's key from someone you trust, by another way than this file came, and add it to the trust file.",
  },
  signers: {
    trust_file: { word: "Trusted", why: "You name this key as an emitter." },
    granted: { word: "Trusted", why: "An issuer that you trust granted it in this log." },
    revoked: { word: "Revoked", why: "This key was revoked, in this log or in your trust file." },
    unknown: {
      word: "Not confirmed",
      why: "Nobody that you trust vouches for this key. Its name is only what the signer calls itself.",
    },
  },
  codes: {
    "append_only.not_reached": "Not to be compared with the pin",
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
    "format.compression": "Compressed in a way that is not read",
    "format.header": "Not a countersign export, or its header is damaged",
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
  },
};

const events = counted("event");

/** What the viewer says in English. */
export const en: Texts = {
  ...frameEn,
  lang: LANG,
  core: () => undefined,
  figures: {
    count: grouped(LANG),
    bytes: sized(LANG, counted("byte")),
    duration: lasting("less than a second"),
    events,
    leaves: counted("leaf", "leaves"),
    chains: counted("chain"),
  },
  result,
  rows: rowsEn,
};
