import { GERMAN, PROOF, STOPPED, VERDICTS } from "../common.ts";
import type { Groups, NameIn } from "../state.ts";

/** The states of the auditor's page, besides one for each finding. */
export const STATES = {
  "Before there is a verdict": {
    empty: ["Empty", "Nothing was chosen yet."],
    privacy: ["Nothing is uploaded", "How to check that claim."],
    dragged: ["Dropping", "Files are dragged over the page, anywhere."],
    pasted: ["A pasted key", "A single key asks for its role."],
    complaint: ["A complaint", "The pasted text is neither a trust file, a key, nor a pin."],
    chosen: ["Trust and pins", "Trust file and pins without an export."],
    verifying: ["Verifying", "Bytes, events per second, time left, and a button to stop."],
    ...STOPPED,
    "failed-file": ["Unreadable file", "The file disappeared while it was read."],
  },
  Verdicts: {
    ...VERDICTS,
    sample: ["The sample", "Verified without a log."],
    "one-byte": ["One byte changed", "The sample with a single changed byte."],
  },
  "Parts of the result": {
    answer: ["An answer", "Who did what, found by a part of a name, with outcomes and changes."],
    "answer-nothing": ["A negative answer", "The names that were searched, and what there is on other days."],
    events: ["Events", "The list of events below the verdict."],
    folded: ["Omitted entries", "Each run of them is one row, with a switch."],
    selection: ["The selection", "The saved and printed events, in words, beside each button."],
    "selection-refused": ["No selection", "The search is invalid, so nothing can be saved or printed."],
    findings: ["Findings", "Worst first."],
    "findings-of-search": ["Findings of a search", "Findings about its events, with a button for all."],
    changed: ["A changed event", "Its untrusted bytes in a box, between its signed neighbors."],
    checks: ["The checks", "All twelve, below the three answers."],
    technical: ["Technical details", "Hashes and counts."],
    inputs: ["Inputs in view", "The form with the inputs of the verification."],
    coverage: ["Coverage as a list", "Each range, checkpoint and cosignature."],
    witnesses: ["Witnesses", "Cosignatures that meet the quorum."],
    signers: ["Signers with a history", "Granted, and revoked."],
    "signers-unseen": ["A signer granted in the log", "An omitted entry may revoke its key."],
    confirm: ["Trust a signer?", "The key to compare before it is trusted for this session."],
    event: ["An event", "Its summary, fields, and position."],
    ...PROOF,
    about: ["About this page", "Its version, its hash, and how to check them."],
  },
  "Several exports": {
    pinned: ["A pin that holds", "The log only grew since then."],
    "split-view": ["A pin that does not", "The log was rewritten since it was pinned."],
    parts: ["Two parts", "Each with its own verdict, and whether they agree."],
    identical: ["One file twice", "Two files with the same bytes."],
    compare: ["Compared", "What one export has that the other hides."],
    "compare-altered": [
      "Compared with an altered file",
      "The altered event is listed; neither file is confirmed.",
    ],
    contradiction: ["A contradiction", "Two states of one log that can't both be true."],
  },
  "A report": {
    report: ["A report alone", "The export that it needs, and what it claims."],
    "report-same": ["The same result", "The report states what this page found."],
    "report-different": ["Another result", "Each statement that differs, with both values."],
  },
  "What this device remembers": {
    remembered: ["Logs seen before", "Remembered logs, with buttons to forget them."],
    grown: ["Grown since", "Nothing was rewritten since this device last saw the log."],
    smaller: ["Smaller than before", "This export ends before the remembered state."],
    rewritten: ["Rewritten", "This file differs from the remembered state."],
  },
  Environment: {
    ...GERMAN,
    paper: ["On paper", "The report as printed."],
    "paper-altered": ["On paper, with problems", "The report on an altered export."],
    "paper-wrong-trust": ["On paper, by a wrong trust file", "Both lists of keys, side by side."],
  },
} as const satisfies Groups;

export type StateName = NameIn<typeof STATES>;

/** States that are photographed as printed. */
export const PRINTED: readonly StateName[] = ["paper", "paper-altered", "paper-wrong-trust"];
