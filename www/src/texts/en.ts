import { counting } from "@countersign/viewer/texts/figures.js";
import { en as viewer } from "@countersign/viewer/texts/texts.js";
import { html } from "lit";
import type { KeyKind } from "../input/trust.ts";

const LANG = "en-GB";
const { count, events, leaves } = viewer.figures;
const files = counting(LANG, "file", "files");
const keys = counting(LANG, "key", "keys");
const checkpoints = counting(LANG, "checkpoint", "checkpoints");
const counted = viewer.result.severities.error;

/** What a key in a trust file is trusted for. */
const kinds: Record<KeyKind, { title: string; about: string }> = {
  emitter: { title: "Emitter", about: "signs chains of events itself: one service, one dashboard" },
  issuer: { title: "Issuer", about: "grants and revokes the emitters whose names begin with its own" },
  log: { title: "Log", about: "signs the checkpoints of the log that has the key's name" },
};

/** What the page says beside what the viewer says, in English. */
export const en = {
  /** The viewer's own, which the page says too: verdicts, checks, findings, numbers. */
  viewer,
  lang: "en",
  named: "English",
  language: "Language",

  /** That some of what the core says stays in English; empty where the page speaks it too. */
  english: "",

  title: "Verify an export – countersign",
  heading: "Verify an export of an audit log",
  lead: "Find out whether a log is what was recorded, by keys that you choose to trust.",
  truth:
    "A verdict says whether this is what was signed, and by whom. Nothing can tell from a file whether an event is true.",
  drop: "Drop exports, trust files, keys and pins",

  privacy: {
    summary: "Nothing is uploaded.",
    paragraphs: [
      html`Your files are read by this page, in this browser, and go nowhere. You need not take its word for it: its Content
        Security Policy, in the first lines of its source, says <code>connect-src 'none'</code>, so the browser refuses it every
        connection.`,
      html`It is one file and works without a network. Save it, go offline, open it from disk, and verify; or watch the network panel
        of the browser’s developer tools.`,
      html`What it remembers of logs, and the language that you choose, stay in this browser’s storage. Events, trust files and keys
        are never kept.`,
    ],
  },
  export: {
    heading: "Export",
    hint: "Drop files anywhere on this page",
    formats: ".ndjson, also as .gz or .zst, one file or several parts",
    choose: "Choose an export",
    another: "Choose another export",
    add: "Add a part or a second export",
    sample: "Try the sample",
    joined: (pieces: number) => `put together from ${files(pieces)}`,
    remove: "Remove",
    report: "a report, not an export. Choose the export that it is about, to see whether it says the same.",
  },

  trust: {
    heading: "What you trust",
    none: "Without a key from someone you trust, the best answer is that a file is consistent in itself.",
    choose: "Choose a trust file",
    another: "Choose another trust file",
    pin: "Add a pin",
    remove: "Remove",
    forSession: "for this session",
    pinOf: (size: string) => `at ${size} leaves`,
    tooLarge: "larger than a trust file or a pin can be",
    replaced: (name: string) =>
      `a trust file that was dropped with another one, ${name}, which counts. Put what you trust into one file.`,
    account: { log: "log", witness: "witness", issuer: "issuer", emitter: "emitter", revoke: "revocation" },
    accounts: {
      log: "logs",
      witness: "witnesses",
      issuer: "issuers",
      emitter: "emitters",
      revoke: "revocations",
    },
    noKey: "names no key",
  },

  paste: {
    summary: "Paste a trust file, a key or a pin",
    label: "Text",
    placeholder: "name+1a2b3c4d+A…",
    help: "From someone you trust: not from where the export comes from.",
    kind: "It is the key of",
    kinds,
    useKey: "Trust for this session",
    use: "Use it",
    neither: "This is no trust file, no key and no pin. A key looks like name+1a2b3c4d+ and base64.",
    trustName: "pasted-trust.txt",
    pinName: (size: number) => `pasted-${size}.pin.txt`,
    exportName: "pasted.countersign.ndjson",
  },

  confirm: {
    heading: (name: unknown) => html`Trust ${name}?`,
    compare:
      "This key came with the export, so it proves nothing yet. Compare it, character by character, with the one that its owner gave you by another way.",
    after: "It is then trusted as an emitter until you close this page, and the export is verified again.",
    trust: "Trust for this session",
    dismiss: "Don’t trust",
  },

  memory: {
    summary: "Logs seen on this device",
    none: "None yet. A log whose checkpoint verifies is remembered here: at which size, and when.",
    switch: "Remember logs on this device, and hold their next export against it",
    refused:
      "This browser lets the page keep nothing, so logs are not remembered. Save pins as files instead.",
    stays: "Kept in this browser alone. It never leaves the device.",
    seen: (size: number) => `last seen at ${leaves(size)} on`,
    forget: "Forget",
    forgetAll: "Forget all",
    grown: (size: number) => `Last seen at size ${count(size)} on`,
    grownThen: ": nothing was rewritten since.",
    grownBadThen: ": the log’s tree only grew since. That takes nothing back of the verdict.",
    unknownThen: (size: number) =>
      `. Whether anything was rewritten since cannot be told: this export leaves out where leaf ${count(size)} begins. Ask for one with that boundary.`,
    smallerThen:
      ", and this export ends before. Either it is an older one, or the log was cut back. That is why the verdict is what it is.",
    rewrittenThen:
      ". What is in this file is not what was there then: the log was rewritten, or another log has the same name. Keep this file as evidence.",
    first: "This device has not seen this log before. From now on it remembers it at size",
    leaveOut: "Verify without what this device remembers",
  },

  progress: {
    heading: (name: unknown) => html`Verifying ${name}`,
    said: (percent: number) => `Verifying, ${percent} percent`,
    of: (done: string, all: string) => `${done} of ${all}`,
    perSecond: (rate: string) => `${rate}/s`,
    eventsPerSecond: (rate: number) => `${events(rate)} a second`,
    left: (time: string) => `${time} left`,
    finishing: "finishing",
    cancel: "Cancel",
    part: (part: number, all: number) => `Part ${count(part)} of ${count(all)}`,
    agreeing: "Holding the parts against each other",
    firstFailure: "First error so far",
    goesOn: "It goes on to the end, to find all there is. There is no verdict before.",
  },

  stopped: {
    cancelled: "Cancelled",
    nothing:
      "The file was not read to its end, so nothing can be said of it, and nothing is shown as verified.",
    again: "Verify again",
    trust: "The trust file is unusable",
    pin: "A pin is unusable",
    unreadable: "The file cannot be read",
    other: "Could not verify",
    line: (line: number) => `Line ${count(line)}: `,
    noVerdict: "This is no verdict: nothing was found out about the export.",
    said: "No verdict:",
  },

  parts: {
    heading: "Parts",
    said: (verdicts: string) => `Each part has its own verdict: ${verdicts}.`,
    choose: "Each part's own verdict",
    logs: (logs: number) =>
      `These are exports of ${count(logs)} different logs. Nothing can be said of them together.`,
    together: (here: number, all: number) =>
      here === all
        ? `Together they hold all ${leaves(all)} up to the end of the largest.`
        : `Together they hold ${count(here)} of ${leaves(all)} up to the end of the largest.`,
    missing: "In none of them:",
    agree: "They agree: the log only grew from each to the next larger one.",
    allIdentical:
      "They are one and the same file, byte for byte: together they say no more than one of them.",
    same: "same log, only grown",
    identical: "the same file, byte for byte",
    contradicts: "contradicts",
    unknown: "not told",
    contradiction: "They contradict each other: they cannot all be of one log that only grew.",
    contradictionOfOne: "Exports of one log among them contradict each other: it cannot have only grown.",
    untold: "Whether they are of one log that only grew could not be told for all of them.",
    waiting: "Waiting",
    agreement: {
      "no-pin": "the smaller one has no checkpoint that a key you trust signed",
      "not-reached": "the larger one leaves out where the smaller one ends",
      "other-log": "another log",
      failed: "it could not be read a second time",
    },
    against: "held against",
  },

  verdict: {
    now: "What now?",
    not: "What this does not mean",
    said: (words: string, errors: number) =>
      `Verdict: ${words}${errors > 0 ? ` ${counted(errors)} listed.` : ""}`,
    contradicted: "Another export that was chosen here contradicts this one: see Parts.",
    sample:
      "The sample and its trust file came together, with this page. Never take a trust file from where an export comes from.",
    file: "File",
    log: "Log",
    noHeader: "no header could be read",
    holds: "Holds",
    holdsIn: (events: string, chains: string, leaves: string) => `${events} in ${chains}, ${leaves}`,
    leftOut: "Left out",
    withheld: (withheld: number) => `${events(withheld)} withheld`,
    skipped: (skipped: number) => `${leaves(skipped)} skipped`,
    checkpoint: "Last checkpoint",
    none: "none",
    seenBy: ", seen by witnesses at",
    root: "Root hash of the log at its last checkpoint",
    sha256: "SHA-256",
  },

  checks: {
    heading: "Checks",
    check: "Check",
    result: "Result",
    covered: "Covered, and why",
    failed: (failed: number, all: string) => `${count(failed)} of ${all} failed`,
    answered: (all: string) => `${all} had an answer`,
    see: "See",
  },

  coverage: {
    heading: "Coverage",
    about: "Which leaves of the log are here, by their place in it, and what vouches for them.",
    aboutChains:
      "Where each line stands in this file, which has no checkpoints: only its chains hold it together.",
    shown: "Shown",
    other: "Here, but not shown as verified",
    withheld: "Withheld",
    skipped: "Left out",
    mismatch: "Checkpoint that does not match",
    note: "Key note",
    from: (leaf: number) => `leaf ${count(leaf)}`,
    chartShown: (shown: number) => `${leaves(shown)} shown`,
    chart: (parts: string) => `Coverage of the log: ${parts}.`,
    rows: {
      leaves: "Leaves",
      checkpoints: "Checkpoints",
      cosigned: "Cosigned",
      notes: "Key notes",
      findings: "Findings",
    },
    findingsShort: (drawn: number) => `Of each kind of finding the first ${count(drawn)} are drawn.`,
    list: "As a list",
    show: "Show",
    range: (begin: number, end: number) =>
      end - begin === 1 ? `Leaf ${count(begin)}` : `Leaves ${count(begin)} to ${count(end - 1)}`,
    matches: "matches the leaves before it",
    mismatches: "does not match the leaves before it",
    existed: "existed by",
    seen: "seen at",
    more: (more: number) => `${count(more)} more are not listed.`,
    size: (size: number) => `Checkpoint at ${leaves(size)}`,
    kinds: { log: "the log", witness: "witness", unknown: "unknown key" },
    valid: "valid",
    invalid: "invalid",
    unchecked: "not looked at",
    grant: "grants",
    revoke: "revokes",
    checkpoints,
    cosignatures: counting(LANG, "cosignature", "cosignatures"),
    notes: counting(LANG, "key note", "key notes"),
    findings: counting(LANG, "finding", "findings"),
    acts: "acts",
    actsNot: "does nothing",
  },

  findings: {
    heading: "Findings",
    none: "Nothing was found that you would have to know.",
    times: (times: number) => `${count(times)}${times === 1 ? " time" : " times"}`,
    first: (listed: number, all: number) => `The report lists the first ${count(listed)} of ${count(all)}.`,
    severity: { error: "error", warning: "warning", info: "note" },
    line: "line",
    leaf: "leaf",
    chain: "chain",
    seq: "seq",
    show: { event: "Show event", withheld: "Show its place" },
  },

  signers: {
    heading: "Signers",
    none: "No chain in this file names its key.",
    more: (more: number) => `${keys(more)} more are in the report.`,
    vkey: "Verifier key",
    id: "Key ID",
    idAndVkey: "Key ID and verifier key",
    signed: "Signed here",
    chainsLinks: (chains: string, links: number) =>
      `${chains}, ${count(links)} ${links === 1 ? "link" : "links"}`,
    clock: "By its own clock",
    to: "to",
    trustIt: "Trust for this session…",
    session: "You trust this key for this session.",
    roles: { emitter: "Emitter", issuer: "Issuer", log: "Log", witness: "Witness" },
    from: "Trusted from",
    trustFile: (line: number) => `your trust file, line ${count(line)}`,
    forSession: "you, for this session",
    grantedBy: "granted in this log by",
    nowhere: "nowhere: nobody that you trust vouches for it",
    history: "History",
    granted: "Granted",
    revoked: "Revoked",
    validFrom: "from",
    validUntil: "until",
    since: "since",
    by: "by",
    at: (leaf: number, line: number) => `leaf ${count(leaf)}, line ${count(line)}`,
    inTrust: (line: number) => `in your trust file, line ${count(line)}`,
    noEffect: "has no effect",
    always: "without bound",
    signedCheckpoints: (valid: number) => `${checkpoints(valid)}, valid`,
    invalidCheckpoints: (invalid: number) => `${checkpoints(invalid)}, invalid`,
    lastCosigned: "Last, by its own clock",
    signedNotes: counting(LANG, "key note that acts", "key notes that act"),
    unseen: "signed nothing in this file",
    others: "Issuers, logs and witnesses",
  },

  events: {
    heading: "Signed events",
    none: "No event in this file can be shown as what a key signed.",
    each: "Each is, byte for byte, what its key signed. Nothing else from the file is shown here.",
    notWhole: "Do not rely on the file as a whole: see the verdict.",
    unconfirmed:
      "Signer not confirmed: events so marked are signed by keys that you have not chosen to trust, anyone could have made them.",
    suspect:
      "Signer suspect: events so marked are signed by keys that were revoked, or not attested in time: a thief may have made them.",
    reformatted: (reformatted: number) =>
      `${events(reformatted)} of this file ${reformatted === 1 ? "was" : "were"} reformatted by some tool, so that the bytes differ from what was signed; shown is the canonical form, which is what was signed.`,
    unlisted: (unlisted: number) =>
      `${events(unlisted)} of this file ${unlisted === 1 ? "is" : "are"} not listed: not what was signed, not covered by a valid signature, or on a link that failed.`,
    withheld: (withheld: number) =>
      `${events(withheld)} ${withheld === 1 ? "is" : "are"} withheld: recorded, but not in this file.`,
    lost: "The browser has lost this event. Verify the file again.",
  },

  compare: {
    heading: "Compare",
    openParts: "Compare two of them",
    close: "Close the comparison",
    one: "This export",
    other: "With",
    same: "Same log, only grown: up to where the smaller one ends, the larger one has the same history.",
    identical: "These are one and the same file, byte for byte: there is nothing to compare.",
    contradiction: "The two contradict each other.",
    evidence:
      "Two states of one log that cannot both be true. Whoever runs the log showed different logs to different readers, or rewrote it. Keep both files and both checkpoints as evidence.",
    untold: "Could not tell whether it is the same log:",
    byClaim: "What follows goes by the places that each file gives its leaves.",
    byPlace:
      "What follows goes by places alone: at one and the same place the two may hold different events.",
    otherLog: "These are exports of different logs, so there is nothing to compare.",
    hides: (one: unknown, other: unknown) => html`In ${one}, not shown in ${other}`,
    nothing: "Nothing: every event that it shows is shown in the other one too.",
    nothingByPlace: "Nothing: wherever it shows an event, the other one shows one at the same place.",
    has: (shown: string, leftOut: readonly string[], last: string) =>
      `${shown} shown${leftOut.map((part) => `, ${part}`).join("")}; it ends after ${last}`,
    empty: "it holds no leaf",
    as: {
      withheld: "withheld there",
      skipped: "left out there",
      beyond: "after its end",
      failed: "there, but not shown as verified",
    },
    leaves,
    show: "Show",
    more: (more: number) => `${count(more)} more ranges are not listed.`,
    saveCheckpoints: "Save both checkpoints",
    checkpointOf: "Checkpoint of",
  },

  keep: {
    heading: "Keep and repeat",
    saveExport: "Save export",
    report: "Download report",
    print: "Print report",
    pin: "Save pin",
    trust: "Save trust file",
    noPin:
      "There is no pin to save: that needs a log whose tree and signature pass, and no check that fails.",
    pinHelp:
      "The pin is the log’s checkpoint. Give it next time, and a log that was rewritten or cut back since is noticed.",
    command: (missing: string) => `The same with the program${missing}:`,
    once: (things: readonly string[]) =>
      `, once ${things.join(" and ")} ${things.length > 1 ? "are" : "is"} saved`,
    theExport: "the export",
    theTrust: "the trust file",
    theSeen: "the remembered pin",
    seen: "Save remembered pin",
    thePasted: "what was pasted as a pin",
    pasted: "Save pasted pin",
    compare: "Compare with another export",
    joinedFirst: ", once the pieces are put together",
    copy: "Copy",
    copied: "Copied.",
    copyRefused: "The browser does not allow it: select the command and copy it.",
  },

  printed: {
    heading: "Report on an export of an audit log",
    verified: "Verified at",
    tool: "Verified with",
    page: (version: string) => `countersign ${version}, the auditor’s page`,
    trusted: "Trusted keys",
    nothing: "none: no trust file was given",
    pins: "Pins",
    noPins: "none",
    bytes: (bytes: number) => `${count(bytes)} bytes`,
    sumLater: (name: string) => `not computed here: compare sha256sum ${name}`,
    more: (more: number) => `${count(more)} more in the JSON report`,
  },

  about: {
    summary: (version: string) => `countersign ${version}: is this page the one that was released?`,
    text: (version: string) =>
      `A verdict is worth as much as the page that gives it. This file says that it is the auditor’s page of countersign ${version}; a false one would say so too. So do not ask the page, ask the file:`,
    how: "Hash the file that you opened, and compare it with the line of the release’s SHA256SUMS, which is published beside it.",
    rebuild:
      "Or build it yourself: the same sources give the same bytes. In the repository, at the version’s tag:",
    parts: "The browser ran these parts, and refuses the page any other, by the page’s own policy:",
    script: "Script",
    style: "Style",
  },
};

/** Everything that the page says. A language has all of it: what is missing does not compile. */
export type PageTexts = typeof en;
