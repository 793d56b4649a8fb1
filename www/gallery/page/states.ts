import type { State } from "../state.ts";

const BEFORE = "Before there is a verdict";
const VERDICTS = "Verdicts";
const PARTS = "Parts of the result";
const SEVERAL = "Several exports";
const KEPT = "What this device remembers";
const AROUND = "Where it stands";

/** The states of the auditor's page. Each finding has one of its own beside these. */
export const STATES = {
  empty: { group: BEFORE, title: "Empty", says: "Nothing was chosen yet." },
  privacy: {
    group: BEFORE,
    title: "Nothing is uploaded",
    says: "Why one need not take the page's word for it.",
  },
  dragged: { group: BEFORE, title: "Dropping", says: "Files are held over the page, anywhere." },
  pasted: { group: BEFORE, title: "A pasted key", says: "Of a single key it asks what it is trusted for." },
  complaint: { group: BEFORE, title: "A complaint", says: "What was pasted is nothing that can be trusted." },
  chosen: {
    group: BEFORE,
    title: "Trust and pins",
    says: "What one brings along is there; an export is not.",
  },
  verifying: {
    group: BEFORE,
    title: "Verifying",
    says: "Bytes, events a second, time left, and a way to stop.",
  },
  "first-failure": {
    group: BEFORE,
    title: "First failure",
    says: "The first error is there while it goes on.",
  },
  cancelled: {
    group: BEFORE,
    title: "Cancelled",
    says: "It was not read to its end, so nothing is said of it.",
  },
  "failed-trust": {
    group: BEFORE,
    title: "Unusable trust file",
    says: "No verdict, and which line is the matter.",
  },
  "failed-file": { group: BEFORE, title: "Unreadable file", says: "The file went away while it was read." },

  verified: { group: VERDICTS, title: "Verified", says: "Of a log: complete for a range of its leaves." },
  sample: { group: VERDICTS, title: "The sample", says: "Verified without a log, with events to look at." },
  partial: { group: VERDICTS, title: "Intact, not shown to be complete", says: "Gaps and withheld events." },
  unconfirmed: {
    group: VERDICTS,
    title: "Signer not confirmed",
    says: "No key here is one that the reader trusts.",
  },
  "not-checked": { group: VERDICTS, title: "Not checked to the end", says: "A needed check had no answer." },
  broken: { group: VERDICTS, title: "Broken", says: "Two links for one place." },
  altered: { group: VERDICTS, title: "Altered", says: "An event is not the one that was recorded." },
  "no-export": { group: VERDICTS, title: "No export", says: "An empty file." },

  coverage: { group: PARTS, title: "Coverage as a list", says: "Each range, checkpoint and cosignature." },
  witnesses: { group: PARTS, title: "Witnesses", says: "Cosignatures that meet the quorum." },
  signers: { group: PARTS, title: "Signers with a history", says: "Granted, and revoked." },
  confirm: {
    group: PARTS,
    title: "Trust a signer?",
    says: "Compare the key before it is trusted for this session.",
  },
  event: { group: PARTS, title: "An event", says: "Its sentence, its members, its place." },
  proof: {
    group: PARTS,
    title: "Its proof",
    says: "Each step from the event's bytes to what the reader trusts.",
  },
  about: {
    group: PARTS,
    title: "About this page",
    says: "Its version, its own hash, and how to check them.",
  },

  pinned: { group: SEVERAL, title: "A pin that holds", says: "The log only grew since." },
  "split-view": {
    group: SEVERAL,
    title: "A pin that does not",
    says: "The log is another one than was pinned.",
  },
  parts: { group: SEVERAL, title: "Two parts", says: "Each with its own verdict, and whether they agree." },
  compare: { group: SEVERAL, title: "Compared", says: "What one export has that the other hides." },
  contradiction: {
    group: SEVERAL,
    title: "A contradiction",
    says: "Two states of one log that cannot both be true.",
  },

  remembered: {
    group: KEPT,
    title: "Logs seen before",
    says: "What this device keeps, and how to make it forget.",
  },
  grown: { group: KEPT, title: "Grown since", says: "Nothing was rewritten since it was last seen here." },
  smaller: {
    group: KEPT,
    title: "Smaller than before",
    says: "This export ends before what this device has seen.",
  },
  rewritten: { group: KEPT, title: "Rewritten", says: "What is in this file is not what was there then." },

  german: { group: AROUND, title: "German", says: "All texts, numbers and dates." },
  paper: { group: AROUND, title: "On paper", says: "The report as it is printed; open it and print." },
  "paper-altered": {
    group: AROUND,
    title: "On paper, with findings",
    says: "The same of an altered export.",
  },
} as const satisfies Record<string, State>;

export type StateName = keyof typeof STATES;

/** Those that are photographed as they are printed. */
export const PRINTED: readonly StateName[] = ["paper", "paper-altered"];
