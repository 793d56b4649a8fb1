import { GERMAN, PROOF, STOPPED, VERDICTS } from "../common.ts";
import type { Groups, NameIn } from "../state.ts";

/** The states of the auditor's page, besides one for each finding. */
export const STATES = {
  "Before there is a verdict": {
    empty: ["Empty", "Nothing was chosen yet."],
    privacy: ["Nothing is uploaded", "Why one need not take the page's word for it."],
    dragged: ["Dropping", "Files are dragged over the page, anywhere."],
    pasted: ["A pasted key", "Of a single key it asks what it is trusted for."],
    complaint: ["A complaint", "What was pasted is nothing that can be trusted."],
    chosen: ["Trust and pins", "What one brings along is there; an export is not."],
    verifying: ["Verifying", "Bytes, events a second, time left, and a way to stop."],
    ...STOPPED,
    "failed-file": ["Unreadable file", "The file went away while it was read."],
  },
  Verdicts: {
    ...VERDICTS,
    sample: ["The sample", "Verified without a log, with events to look at."],
    "one-byte": ["One byte changed", "What changing a single byte of the sample does."],
  },
  "Parts of the result": {
    events: ["Events", "The list, under the verdict in a sentence."],
    folded: ["What is left out", "Runs of it are one row each, with a switch."],
    selection: ["The selection", "What is saved and printed, in words, beside each button."],
    "selection-refused": ["No selection", "The search is refused, so nothing can be saved or printed."],
    findings: ["Findings", "The worst first."],
    "findings-of-search": ["Findings of a search", "Those about its events, and a way to all."],
    changed: ["A changed event", "Its untrusted bytes in a box, between its signed neighbours."],
    checks: ["The checks", "All twelve, behind the three answers."],
    technical: ["Technical details", "Hashes and counts."],
    inputs: ["Inputs in view", "What is checked, and by what, to be changed."],
    coverage: ["Coverage as a list", "Each range, checkpoint and cosignature."],
    witnesses: ["Witnesses", "Cosignatures that meet the quorum."],
    signers: ["Signers with a history", "Granted, and revoked."],
    confirm: ["Trust a signer?", "Compare the key before it is trusted for this session."],
    event: ["An event", "Its sentence, its members, its place."],
    ...PROOF,
    about: ["About this page", "Its version, its own hash, and how to check them."],
  },
  "Several exports": {
    pinned: ["A pin that holds", "The log only grew since."],
    "split-view": ["A pin that does not", "The log is another one than was pinned."],
    parts: ["Two parts", "Each with its own verdict, and whether they agree."],
    identical: ["One file twice", "Their bytes are the same, and that is all there is to say."],
    compare: ["Compared", "What one export has that the other hides."],
    contradiction: ["A contradiction", "Two states of one log that cannot both be true."],
  },
  "What this device remembers": {
    remembered: ["Logs seen before", "What this device keeps, and how to make it forget."],
    grown: ["Grown since", "Nothing was rewritten since it was last seen here."],
    smaller: ["Smaller than before", "This export ends before what this device has seen."],
    rewritten: ["Rewritten", "What is in this file is not what was there then."],
  },
  "Where it stands": {
    ...GERMAN,
    paper: ["On paper", "The report as it is printed; open it and print."],
    "paper-altered": ["On paper, with findings", "The same of an altered export."],
    "paper-wrong-trust": ["On paper, by a wrong trust file", "Both lists of keys, beside each other."],
  },
} as const satisfies Groups;

export type StateName = NameIn<typeof STATES>;

/** States that are photographed as printed. */
export const PRINTED: readonly StateName[] = ["paper", "paper-altered", "paper-wrong-trust"];
