import { counting } from "@countersign/ui/viewer/texts/figures.js";
import { en as viewer } from "@countersign/ui/viewer/texts/texts.js";
import { html } from "lit";
import { wordsOf } from "../evidence/name-words.ts";
import type { KeyKind } from "../input/trust.ts";
import { daysIn, listed } from "./days.ts";

const LANG = "en-GB";
const { count, events, entries } = viewer.figures;
const moreEvents = counting(LANG, "more event", "more events");
const dayCount = counting(LANG, "day", "days");
const files = counting(LANG, "file", "files");
const keys = counting(LANG, "key", "keys");
const checkpoints = counting(LANG, "checkpoint", "checkpoints");
const counted = viewer.result.severities.error;
const days = daysIn(LANG);

const anyOf = (names: readonly string[]) => new Intl.ListFormat(LANG, { type: "disjunction" }).format(names);
const quote = (name: string) => `“${name}”`;
const allOf = (words: readonly string[]) =>
  new Intl.ListFormat(LANG, { type: "conjunction" }).format(words.map(quote));

/** Roles that a key can be trusted for. */
const kinds: Record<KeyKind, { title: string; about: string }> = {
  emitter: { title: "Emitter", about: "records and signs events: one service, one dashboard" },
  issuer: {
    title: "Issuer",
    about: "decides which emitters may write: those whose names begin with its own",
  },
  log: { title: "Log", about: "signs the checkpoints of the log with the key’s name" },
};

/**
 * English texts of the page, besides those of the viewer. A text with several strings takes them by name, so that a
 * call can't swap them.
 */
export const en = {
  /** Texts of the viewer: verdicts, checks, findings, numbers. */
  viewer,
  lang: "en",
  named: "English",
  language: "Language",

  /** Note that some core messages stay in English; empty if none do. */
  english: "",

  title: "Check an audit log – countersign",
  heading: "Check an audit log",
  lead: "Check that an audit log hasn’t been changed since it was signed, who signed it, and whether all of it is here.",
  truth:
    "A verdict says whether this is what was signed, and by whom. No file can show whether an event is true.",
  drop: "Drop files to check, trust files, keys and pins",

  privacy: {
    summary: "Nothing is uploaded.",
    paragraphs: [
      html`This page reads your files in your browser and sends them nowhere. You don’t have to take its word for it: its Content
        Security Policy, in the first lines of its source, says <code>connect-src 'none'</code>, so the browser blocks every
        connection.`,
      html`It is a single file that works offline. Save it, disconnect, open it from disk and check your files there, or watch the
        network panel of your browser’s developer tools.`,
      html`What it remembers about logs, your notes and the language you choose stay in this browser’s storage. It never keeps events,
        trust files or keys.`,
    ],
  },
  export: {
    heading: "File to check",
    hint: "Drop files anywhere on this page",
    formats: "An export of a log (.ndjson, .ndjson.gz or .ndjson.zst), in one file or several",
    choose: "Choose a file",
    another: "Choose another file",
    add: "Add another part or a second file",
    sample: "Try the sample",
    joined: (pieces: number) => `joined from ${files(pieces)}`,
    remove: "Remove",
    unreadable:
      "can’t be read. If it is a folder, choose the files inside it. Otherwise it was moved or changed; choose it again.",
    evidenceAlone: "not opened, because an evidence file is checked alone. Choose it by itself.",
    evidenceCompared: (command: string) => `To compare it with the export it was made from, run: ${command}`,
    evidenceClosed:
      "closed. The events in it are now checked as a file of their own, with the keys that you trust.",
    empty: "not used, because it is empty. Download it again.",
  },

  trust: {
    heading: "Keys you trust",
    authors: "Keys that the file’s author trusts",
    none: "Without a key from someone you trust, this page can tell that a file is unchanged, but not who made it.",
    choose: "Choose a trust file",
    another: "Choose another trust file",
    pin: "Add a pin",
    remove: "Remove",
    forSession: "for this session",
    pinOf: (size: string) => `at ${size} entries`,
    noTrustFile:
      "not a trust file. A trust file is a small text file with lines such as “log …” and “emitter …”, each with a key. Ask the organization that the log belongs to for one.",
    noPin:
      "not a pin. A pin is a checkpoint of the log, as this page or “countersign verify --save-pin” saved it.",
    replaced: (name: string) =>
      `not used, because another trust file, ${name}, was dropped with it. Put everything you trust in one file.`,
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

  inputs: {
    heading: "What is checked",
    change: "Change",
    done: "Done",
    noTrust: "No trust file",
    pins: counting(LANG, "pin", "pins"),
    more: (more: number) => `and ${count(more)} more`,
  },

  tabs: {
    save: "Save…",
    label: "Parts of the result",
    names: {
      summary: "Summary",
      events: "Events",
      problems: "Problems",
      detections: "Detections",
      signers: "Signers",
      coverage: "Coverage",
      technical: "Technical",
    },
    found: (rules: number | undefined, ofSearch: number | undefined) =>
      `${rules === undefined ? "" : `${count(rules)} from detection rules`}${ofSearch === undefined ? "" : `, ${count(ofSearch)} of them about the events of the search`}`,
    ofLevel: (number: number, level: string) => `${count(number)} ${level.toLowerCase()}`,
    unapplied: "the rules weren’t applied",
    soFar: "so far",
    inapplicable: "no rule could examine these events",
    mayBeMore: "there may be more, because rules couldn’t examine everything",
  },

  answers: {
    heading: "Three questions",
    words: { yes: "Yes", no: "No", partly: "In part", open: "Can’t tell" },
    unchanged: {
      question: "Unchanged?",
      yes: (shown: number) =>
        shown === 0
          ? "Everything in this file is as it was signed."
          : shown === 1
            ? "The one event here is exactly as it was signed."
            : `All ${events(shown)} are exactly as they were signed, and in order.`,
      events: (changed: number, of: number) =>
        `${count(changed)} of ${events(of)} ${changed === 1 ? "was" : "were"} changed after signing.`,
      other: "Something in this file is not what was signed.",
      history: "This file contradicts what was seen of this log before.",
      older: "No altered entry was found, but the file ends before a state of this log that was seen before.",
      order: "Something is missing, repeated, out of order or not allowed.",
      unread: "Not all of the file can be read.",
      unsigned: "Not everything here is covered by a signature.",
      empty: "There is no entry in this file that could have been changed.",
    },
    signed: {
      question: "Signed by whom?",
      words: { yes: "By keys you trust", no: "Not validly", open: "Can’t tell" },
      byWriter: "By keys its author trusts",
      allBut: (changed: number, by: string) =>
        `All but ${events(changed)}: ${by.charAt(0).toLowerCase()}${by.slice(1)}`,
      allButLog: (by: string) => `${by}, except the log’s own`,
      yes: (names: readonly string[], more: number) =>
        html`By ${listed(LANG, names, more, `${count(more)} more`)}.`,
      invalid: "A signature is not valid.",
      revoked: "Signed with a key that had been revoked or wasn’t valid at the time.",
      unknown: (names: readonly string[], more: number) =>
        html`The file says ${listed(LANG, names, more, `${count(more)} more`)}. You don’t trust ${names.length + more === 1 ? "that key" : "all of those keys"}, and anyone could have made ${names.length + more === 1 ? "it" : "them"}.`,
      log: (names: readonly string[], more: number) =>
        html`By ${listed(LANG, names, more, `${count(more)} more`)}, whose keys you trust. You don’t trust the log’s own key.`,
      instead: (names: readonly string[], more: number) =>
        html`The file says ${listed(LANG, names, more, `${count(more)} more`)}. Anyone could have made what is signed with other keys.`,
      suspect:
        "A key was revoked, or nothing shows that it signed in time. A thief may have made some of this.",
      other: "Not every signature could be checked.",
      nobody: "No key is named in this file.",
      unread: "Nothing in this file can be read.",
    },
    complete: {
      question: "Complete?",
      log: (all: number) =>
        all === 0
          ? "Nothing was recorded in the log so far"
          : all === 1
            ? "The only event of the log so far"
            : `All ${events(all)} of the log so far`,
      range: (all: number) => `All ${events(all)} of the part that this file covers`,
      chains: (all: number) => `All ${events(all)} of the chains in this file`,
      chainsWord: "For its chains",
      otherChains: "Nothing shows whether there were other chains.",
      logKeyShows: "A trust file with the log’s key can show it.",
      between: "nothing is missing in between",
      shown: (shown: number, of: number, events: number) =>
        `${count(shown)} of ${count(of)} entries ${shown === 1 ? "is" : "are"} shown${shown === events ? "" : `, ${count(events)} of them ${events === 1 ? "an event" : "events"}`}`,
      undetermined: (here: number) =>
        `Nothing is missing between the ${entries(here)} here, but nothing shows whether there were others before or after.`,
      failed: "A file that fails a check can’t answer this.",
      missing: "Entries of the claimed range are missing.",
      empty: "There is nothing in this file.",
      unread: "Nothing in this file can be read.",
    },
    days,
    showFirst: "Show the first",
    showPlaces: "Show the problems",
    signers: "See the signers",
    coverage: "See what is here",
  },

  changed: {
    heading: "Changed after signing",
    lead: "Each changed event, between its two nearest unchanged neighbors.",
    of: (place: number, all: number) => `${count(place)} of ${count(all)}`,
    previous: "Previous",
    next: "Next",
    untrusted: "Not what was signed. Don’t rely on anything in this box.",
    before: "What it said before can’t be recovered from this file.",
    signed: "As it was signed",
    edge: {
      before: "Nothing before it in this file is as it was signed.",
      after: "Nothing after it in this file is as it was signed.",
    },
    reading: "Reading the file",
    unreadable: "Its bytes can’t be shown here, because this browser can’t unpack the file.",
    cut: "The rest isn’t shown here.",
    show: "Show event",
    entry: (index: number, line: number) => `Entry ${count(index)}, line ${count(line)}`,
  },

  welcome: {
    heading: "Did someone send you a file?",
    items: [
      {
        title: "What it is",
        text: "An audit log: who did what, and when, in some system. Each event was signed when it was recorded, so a later change shows.",
      },
      {
        title: "Who made it",
        text: "The file names the keys that signed it. A name alone proves nothing: anyone can make a key with any name. A trust file says which keys are really theirs.",
      },
      {
        title: "Getting a trust file",
        text: "Ask the organization the log belongs to, and by another route: their website, their auditor, a phone call. If it came in the same email as the file, the forger of one could have forged both.",
      },
    ],
    tryHeading: "Try it",
    tryText: "See what a genuine file looks like, then what changing a single byte of it does.",
    altered: "Change one byte of it and see",
    alterHere: "Change one byte",
    restore: "Undo the change",
    alteredName: "sample-one-byte-changed.countersign.ndjson",
  },

  phone: {
    summary: "Compare by phone",
    how: "Call the owner on a number you already know. They open their own copy on this page, and you read these words to each other. All of them must match.",
    words: "Words to compare",
    hash: "Or compare the SHA-256, or scan the code with a phone.",
    qr: "QR code",
  },

  technical: {
    heading: "Technical details",
    hashes: "Hashes",
    counts: "What is in the file",
    lines: "Lines",
    entries: "Entries",
    signatures: "Signatures",
    checkpoints: "Checkpoints",
    notes: "Key notes",
    chains: "Chains",
    origin: "Log",
    size: "Size in bytes",
  },

  paste: {
    summary: "Paste a trust file, a key or a pin",
    label: "Text",
    placeholder: "name+1a2b3c4d+A…",
    help: "Get it from someone you trust, and not by the same route as the file to check.",
    kind: "Whose key is it?",
    kinds,
    useKey: "Trust for this session",
    use: "Use it",
    neither: "This isn’t a trust file, a key or a pin. A key looks like name+1a2b3c4d+, followed by base64.",
    trustName: "pasted-trust.txt",
    pinName: (size: number) => `pasted-${size}.pin.txt`,
    rulesName: "pasted rules",
    exportName: "pasted.countersign.ndjson",
    reportName: "pasted-report.json",
  },

  confirm: {
    heading: (name: unknown) => html`Trust ${name}?`,
    compare:
      "This key came with the file, so it proves nothing yet. Compare it, character by character, with the one its owner gave you in some other way.",
    after: "The key is then trusted as an emitter until you close this page, and the file is checked again.",
    trust: "Trust for this session",
    dismiss: "Don’t trust",
  },

  memory: {
    summary: "Logs checked on this device",
    none: "None yet. When a log’s checkpoint verifies, its size and the time are remembered here.",
    switch: "Remember logs on this device, and notice if they are rewritten",
    refused:
      "This browser doesn’t let the page store anything, so logs are not remembered. Save pins as files instead.",
    stays: "Kept in this browser only. It never leaves this device.",
    seen: (size: number) => `last seen with ${entries(size)} on`,
    forget: "Forget",
    forgetAll: "Forget all",
    grown: (size: number) => `Last seen here with ${entries(size)} on`,
    grownThen: ". Nothing has been rewritten since.",
    grownBadThen: ". Its tree has only grown since, but that doesn’t change the verdict.",
    sameBadThen: ". Its tree is still the same, but that doesn’t change the verdict.",
    unknownThen: (size: number) =>
      `. This file can’t show whether anything was rewritten since, because it omits where entry ${count(size)} begins. Ask for an export that has it.`,
    smallerThen:
      ", and this file ends before that. Either it is older, or the log was cut back. The verdict takes this into account.",
    rewrittenFaultyThen:
      ". What is in this file differs from what was there then. But this file also fails its own checks, so it may have been altered after it was exported: get it again from its source before you conclude that the log was rewritten.",
    rewrittenThen:
      ". What is in this file differs from what was there then. Either the log was rewritten, or another log has the same name. Keep this file as evidence.",
    otherPin: ({ name, pinned, origin }: { name: unknown; pinned: unknown; origin: unknown }) =>
      html`${name} is a pin of ${pinned}, not of ${origin}, so it says nothing about this file.`,
    first: "This is the first time this device has seen this log. It now remembers its size:",
    leaveOut: "Check again without what this device remembers",
  },

  progress: {
    heading: (name: unknown) => html`Checking ${name}`,
    said: (percent: number) => `Checking, ${percent} percent`,
    of: ({ done, all }: { done: string; all: string }) => `${done} of ${all}`,
    perSecond: (rate: string) => `${rate}/s`,
    eventsPerSecond: (rate: number) => `${events(rate)} per second`,
    left: (time: string) => `${time} left`,
    finishing: "almost done",
    cancel: "Cancel",
    part: (part: number, all: number) => `Part ${count(part)} of ${count(all)}`,
    agreeing: "Comparing the parts with each other",
    firstFailure: "First problem so far",
    goesOn: "Checking continues to the end to find every problem. The verdict comes after that.",
    readAgain: {
      entries:
        "The file has too many entries to keep the results of the first check, so the file is read again.",
      events: "The new input may change which events verify, so the file is read again.",
    },
  },

  stopped: {
    canceled: "Canceled",
    nothing: "The file was not read to the end, so there is no result, and nothing is shown as verified.",
    again: "Check again",
    trust: "The trust file can’t be used",
    pin: "A pin can’t be used",
    unreadable: "The file can’t be read",
    other: "The file could not be checked",
    line: (line: number) => `Line ${count(line)}: `,
    noVerdict: "This is not a verdict. Nothing was determined about the file.",
    said: "No verdict:",
  },

  parts: {
    heading: "Parts",
    said: (verdicts: string) => `Each part has its own verdict: ${verdicts}.`,
    choose: "Each part’s own verdict",
    logs: (logs: number) =>
      `These files are from ${count(logs)} different logs, so there is no common result.`,
    together: (here: number, all: number) =>
      here === all
        ? `Together they contain all ${entries(all)}, up to the end of the largest.`
        : `Together they contain ${count(here)} of ${entries(all)}, up to the end of the largest.`,
    missing: "Missing from all of them:",
    agree: "They agree: from each to the next larger one, the log only grew.",
    allIdentical: "They are the same file, byte for byte, so together they show no more than one of them.",
    same: "same log, it only grew",
    identical: "the same file, byte for byte",
    contradicts: "contradicts",
    unknown: "can’t tell",
    contradiction: "They contradict each other: they can’t all be from one log that only grew.",
    contradictionOfOne: "Two of them are from one log and contradict each other: the log was rewritten.",
    undetermined: "For some of them, there is no way to tell whether they are from one log that only grew.",
    sameState: "same log, in the same state",
    faulty: "not shown to agree",
    differs: "doesn’t agree:",
    differsIn: (changed: number, names: readonly unknown[]): unknown =>
      html`${entries(changed)} ${changed === 1 ? "differs" : "differ"}, and ${names.length === 1 ? html`${names[0]} fails its own checks` : "both fail their own checks"}`,
    differ: (changed: number) =>
      `The two files don’t agree: ${entries(changed)} ${changed === 1 ? "differs" : "differ"}.`,
    someDiffer: "These files don’t all agree. Compare two of them to see which entries differ.",
    fails: (names: readonly unknown[]): unknown =>
      names.length === 1
        ? html`because ${names[0]} fails its own checks`
        : "because both fail their own checks",
    faultyOf: (faulty: number, all: number, saysMore: boolean) =>
      `${count(faulty)} of ${files(all)} ${faulty === 1 ? "fails its" : "fail their"} own checks${saysMore ? "" : ", so together they show nothing"}. See the verdict of each.`,
    othersAgree: (others: number) => `The other ${files(others)} agree: they are of one log that only grew.`,
    allSameState: "They agree: all of them are of the same log, in the same state.",
    waiting: "Waiting",
    agreement: {
      "no-pin": "the smaller one has no checkpoint that passes every check",
      "not-reached": "the larger one omits where the smaller one ends",
      "other-log": "another log",
      unread: "one of the two can’t be read",
      failed: "it couldn’t be read again",
    },
    against: "compared with",
  },

  verdict: {
    now: "Next steps",
    not: "What this does not mean",
    trustSource: (name: string) =>
      `The keys are from ${name}. If it came with the log, one forger could have made both.`,
    said: (words: string, errors: number) =>
      `Verdict: ${words}${errors > 0 ? ` ${counted(errors)} listed.` : ""}`,
    rewritten: "It differs from what this device saw on",
    otherCopy: "Have another copy?",
    ofFaulty: "Taken from an export that fails its own checks.",
    ofFaultyEvents: "The events here are as they were signed.",
    ofFaultySays: (word: string) =>
      `The file states about the export that it was taken from: “${word}” What else was in that export isn’t reliable. Check the export itself`,
    authors: "Unchanged, according to its author’s trust file.",
    authorsSays:
      "Anyone can make such a file with keys of their own. Choose a trust file that you got from another source, to check it with keys that you trust",
    contradicted: "Another file that you chose contradicts this one. See Parts.",
    sample:
      "The sample and its trust file came together, with this page. For real files, get the trust file from a different source than the file itself.",
    file: "File",
    log: "Log",
    noHeader: "could not be read",
    holds: "Contains",
    holdsIn: ({ events, chains, entries }: { events: string; chains: string; entries: string }) =>
      `${events} in ${chains}, ${entries}`,
    leftOut: "Not in this file",
    withheld: (withheld: number) => `${events(withheld)} withheld`,
    skipped: (skipped: number) => `${entries(skipped)} omitted`,
    checkpoint: "Last checkpoint",
    none: "none",
    seenBy: ", confirmed by witnesses at",
    root: "Root hash of the log at its last checkpoint",
    sha256: "SHA-256",
  },

  checks: {
    heading: "Checks",
    all: (passed: number, failed: number, open: number, idle: number) =>
      [
        `${count(passed)} passed`,
        ...(failed > 0 ? [`${count(failed)} failed`] : []),
        ...(open > 0 ? [`${count(open)} not checked`] : []),
        ...(idle > 0 ? [`${count(idle)} not needed`] : []),
      ].join(", "),
    check: "Check",
    result: "Result",
    covered: "What was checked",
    failed: (failed: number, all: string) => `${count(failed)} of ${all} failed`,
    answered: (all: string) => `${all} could be checked`,
    notContent: (changed: number) =>
      `but not what ${events(changed)} ${changed === 1 ? "says" : "say"}, which ${changed === 1 ? "was" : "were"} changed`,
    see: "See",
  },

  coverage: {
    heading: "Coverage",
    about:
      "The entries of the log that this file contains, their positions in the log, and the checkpoints that cover them.",
    aboutChains: "Where each line stands. There are no checkpoints, so only the chains connect the events.",
    shown: "Shown",
    other: "In the file, but not verified",
    withheld: "Withheld",
    skipped: "Omitted",
    mismatch: "Checkpoint that does not match",
    note: "Key note",
    from: (index: number) => `entry ${count(index)}`,
    chartShown: (shown: number) => `${entries(shown)} shown`,
    chart: (parts: string) => `Coverage of the log: ${parts}.`,
    rows: {
      entries: "Entries",
      checkpoints: "Checkpoints",
      cosigned: "Witnessed",
      notes: "Key notes",
      findings: "Problems",
    },
    findingsShort: (drawn: number) => `Only the first ${count(drawn)} problems of each kind are drawn.`,
    list: "Show as a list",
    show: "Show",
    range: (begin: number, end: number) =>
      end - begin === 1 ? `Entry ${count(begin)}` : `Entries ${count(begin)} to ${count(end - 1)}`,
    matches: "matches the entries before it",
    mismatches: "does not match the entries before it",
    existed: "existed by",
    seen: "seen at",
    more: (more: number) => `${count(more)} more not listed.`,
    size: (size: number) => `Checkpoint at ${entries(size)}`,
    kinds: { log: "the log", witness: "witness", unknown: "unknown key" },
    valid: "valid",
    invalid: "invalid",
    unchecked: "not checked",
    grant: "grants",
    revoke: "revokes",
    checkpoints,
    cosignatures: counting(LANG, "cosignature", "cosignatures"),
    notes: counting(LANG, "key note", "key notes"),
    findings: counting(LANG, "problem", "problems"),
    acts: "takes effect",
    actsNot: "has no effect",
  },

  findings: {
    heading: "Problems",
    none: "No problems found.",
    times: (times: number) => `${count(times)}${times === 1 ? " time" : " times"}`,
    first: (listed: number, all: number) => `The report lists the first ${count(listed)} of ${count(all)}.`,
    severity: { error: "error", warning: "warning", info: "note" },
    line: "line",
    entry: "entry",
    chain: "chain",
    seq: "seq",
    show: { event: "Show event", withheld: "Show where it is missing" },
  },

  signers: {
    heading: "Signers",
    none: "No key is named here.",
    more: (more: number) => `${keys(more)} more are in the report.`,
    vkey: "Public key (vkey)",
    id: "Key ID",
    idAndVkey: "Key ID and public key (vkey)",
    signed: "Signed here",
    chainsLinks: (chains: string, links: number) =>
      `${chains}, ${count(links)} ${links === 1 ? "link" : "links"}`,
    clock: "By its own clock",
    to: "to",
    trustIt: "Trust for this session…",
    session: "You trust this key until you close this page.",
    roles: { emitter: "Emitter", issuer: "Issuer", log: "Log", witness: "Witness" },
    from: "Trusted from",
    trustFile: (line: number) => `your trust file, line ${count(line)}`,
    forSession: "you, for this session",
    grantedBy: "granted in this log by",
    revocable: "An entry that this export omits may revoke this key.",
    nowhere: "nothing: neither your trust file nor an issuer in it vouches for it",
    history: "History",
    granted: "Granted",
    revoked: "Revoked",
    validFrom: "from",
    validUntil: "until",
    since: "since",
    by: "by",
    at: (index: number, line: number) => `entry ${count(index)}, line ${count(line)}`,
    inTrust: (line: number) => `in your trust file, line ${count(line)}`,
    noEffect: "has no effect",
    always: "no expiry",
    signedCheckpoints: (valid: number) => `${checkpoints(valid)}, valid`,
    invalidCheckpoints: (invalid: number) => `${checkpoints(invalid)}, invalid`,
    lastCosigned: "Last, by its own clock",
    signedNotes: counting(LANG, "key note with effect", "key notes with effect"),
    unseen: "signed nothing here",
    others: "Issuers, logs and witnesses",
  },

  rules: {
    own: "These rules come with this page. The countersign program of the same version has the same rules and the same findings.",
    brought: "These are the rules of",
    choose: "Use other rules",
    remove: "Use this page’s rules",
    saveAbout:
      "One HTML file with the rules, their result for all events, the trust file, and this page. If no rule fired, it contains all events, and its readers can run the rules again. Otherwise it contains the events that findings name, and that there are no other findings is your statement.",
    tooLarge: "a rule pack has at most 16 MiB",
  },

  events: {
    heading: "Events",
    none: "No event in this file has a valid signature.",
    each: "Each event is shown exactly as it was signed. Nothing else from the file is shown here.",
    notWhole: "Don’t rely on the file as a whole. See the verdict.",
    untrusted:
      "Signer not trusted: events with this mark are signed with keys you don’t trust. Anyone could have made them.",
    suspect:
      "Signer suspect or revoked: events with these marks are signed with keys that were revoked, or nothing shows that they were signed in time. A thief may have made them.",
    reformatted: (reformatted: number) =>
      `${events(reformatted)} in this file ${reformatted === 1 ? "was" : "were"} reformatted by some tool. The content is the same; you see it in the form that was signed.`,
    unlisted: (unlisted: number) =>
      `${events(unlisted)} in this file ${unlisted === 1 ? "is" : "are"} not listed, because ${unlisted === 1 ? "it was" : "they were"} changed or a signature is missing or invalid.`,
    withheld: (withheld: number) =>
      `${events(withheld)} ${withheld === 1 ? "is" : "are"} withheld: recorded, but not in this file.`,
    lost: "The browser no longer has this event. Check the file again.",
    early: "First events, being verified: not final.",
    notFinal: "Their signatures match so far, but there is no verdict. A problem found later withdraws them.",
    indexing: (percent: number) => `Indexing ${percent}%`,
    notIndexed: "The events are still being indexed.",
  },

  report: {
    heading: (name: unknown): unknown => html`Report ${name}`,
    needs: (file: unknown): unknown =>
      html`This is a report, not an export. Drop the export that it names, ${file}, on this page, to check whether the result is the same. Until then, what the report states is only a claim.`,
    needsAny:
      "This is a report, not an export. It doesn’t name its file. Drop the export that it was made from on this page, to check whether the result is the same. Until then, what the report states is only a claim.",
    choose: "Choose the export",
    states: "The report states",
    waits: "The report is compared when the export is verified.",
    same: "The report states the same result as this page.",
    different: "The report states another result than this page. Rely on this page’s result.",
    remembered: (day: unknown): unknown =>
      html`The verdicts differ because this device remembers a state of this log, seen on ${day}, that the file doesn’t agree with. The report wasn’t compared with that state.`,
    pinIn: {
      ours: "This page also compared the log with an earlier state of it, a pin or what this device remembers, and nothing was rewritten since. The report wasn’t compared with that.",
      theirs:
        "The report says that the log was also compared with an earlier state of it, a pin, and that nothing was rewritten since. This page doesn’t have that pin.",
    },
    other: (name: unknown): unknown => html`The report is about another file than ${name}.`,
    hashOf: (name: unknown): unknown => html`The SHA-256 of ${name} is`,
    unnamed:
      "The report doesn’t name its file or trust file, so another export, or another trust file, can explain each difference.",
    named:
      "The report names this file, by its SHA-256, and the same trust file. Its search, sample and notes aren’t compared.",
    otherTrust:
      "The report names this file, by its SHA-256, but another trust file, which can explain different verdicts and signers. Its search, sample and notes aren’t compared.",
    unreadable: "a report that this page can’t read. It is damaged, or was written by another version.",
    statement: "What differs",
    found: "This page",
    signer: "Signer",
    facts: {
      verdict: "Verdict",
      origin: "Log",
      complete: "Complete",
      size: "Size of the log",
      root: "Root hash of the log",
      time: "Confirmed by witnesses at",
    },
    counts: {
      entries: "Entries",
      events: "Events",
      withheld: "Events withheld",
      skipped: "Entries omitted",
      chains: "Chains",
    },
  },

  compare: {
    heading: "Compare",
    printed: "Comparison of two exports",
    unread:
      "The fields that differ weren’t read yet when this was printed, so they are missing here. Print it again.",
    openParts: "Compare two of them",
    close: "Close the comparison",
    one: "This file",
    other: "With",
    same: "Same log. Up to where the smaller file ends, both have the same history.",
    sameState: (entries: string) =>
      `Same log, in the same state: both have the same history of ${entries}. They can differ only in what each withholds or omits.`,
    faulty: {
      heading: "This doesn’t show that the files agree.",
      differ: "The files don’t agree.",
      fails: (names: readonly unknown[]): unknown =>
        names.length === 1
          ? html`${names[0]} fails its own checks, so don’t rely on it.`
          : "Both files fail their own checks. Don’t rely on either.",
      grown:
        "Their tree hashes agree as far as the smaller file goes. So an event that was changed there is named above: one file shows it, and in the other it isn’t valid.",
      identical: "They are the same file, byte for byte, so the other can’t show what was changed.",
      contradicts:
        "Their tree hashes also contradict each other. A file that fails its own checks is no proof that the log was rewritten: get it again from its source, and compare once more.",
      otherLog: "They also name different logs. There is nothing to compare.",
    },
    identical: "These are the same file, byte for byte. There is nothing to compare.",
    contradiction: "The two contradict each other.",
    evidence:
      "These two states of one log can’t both be true. The log operator showed different logs to different readers, or rewrote the log. Keep both files and both checkpoints as evidence.",
    undetermined: "Can’t tell whether it is the same log:",
    byClaim: "The comparison below uses the positions that each file gives for its entries.",
    byPlace:
      "The comparison below uses positions only: at the same position, the two files may contain different events.",
    otherLog: "These files are from different logs. There is nothing to compare.",
    hides: ({ one, other }: { one: unknown; other: unknown }) => html`In ${one}, but not in ${other}`,
    nothing: "Nothing. Every event it shows is in the other file too.",
    nothingElse: "Nothing else: the entries that were changed are above.",
    nothingByPlace: "Nothing. Wherever it shows an event, the other file shows one at the same position.",
    has: ({ shown, leftOut, last }: { shown: string; leftOut: readonly string[]; last: string }) =>
      `${shown} shown${leftOut.map((part) => `, ${part}`).join("")}; it ends after ${last}`,
    empty: "it contains no entry",
    as: {
      withheld: "withheld there",
      skipped: "omitted there",
      beyond: "after its end",
      failed: "there, but not verified",
    },
    entries,
    rewrittenAt: "Different content at the same entry",
    firstCompared: (compared: number) =>
      `Only the first ${entries(compared)} that both files show were compared.`,
    differ: (entries: string) => `They differ in ${entries}:`,
    changedIn: ({ name, entries }: { name: unknown; entries: string }): unknown =>
      html`Changed in ${name}: ${entries}:`,
    differsIn: ({
      field,
      there,
      file,
      signed,
    }: {
      field: unknown;
      there: unknown;
      file: unknown;
      signed: unknown;
    }) => html`${field} is ${there} in ${file}, ${signed} as signed`,
    recorded: "recorded",
    field: "Field",
    asSigned: "as signed",
    notSigned: "not as signed",
    noField: "no such field",
    spelling:
      "All fields are equal. Only their spelling differs, such as their order, spaces, or a repeated field.",
    unreadable: "The two lines can’t be compared field by field. One is too long, or isn’t JSON.",
    moreFields: (more: number) => `${count(more)} more fields not listed.`,
    moreChanged: (more: number) => `${entries(more)} not listed.`,
    show: "Show",
    more: (more: number) => `${count(more)} more ranges not listed.`,
    saveCheckpoints: "Save both checkpoints",
    checkpointOf: "Checkpoint of",
  },

  keep: {
    heading: "Save and share",
    saveExport: "Save file",
    selection: "Events in report and print:",
    sampled: (events: string) => `A sample of ${events}, drawn from:`,
    report: "Download report",
    print: "Print report",
    pin: "Save pin",
    trust: "Save trust file",
    noPin: "There is no pin to save. A pin needs a log whose tree and signature pass, and no failed check.",
    pinHelp:
      "A pin is the log’s last checkpoint. Add it next time to notice whether the log was rewritten or cut back since.",
    command: (missing: string) => `The same check on the command line${missing}:`,
    once: (things: readonly string[]) =>
      `, once ${things.join(" and ")} ${things.length > 1 ? "are" : "is"} saved`,
    theExport: "the file",
    theTrust: "the trust file",
    theSeen: "the remembered pin",
    seen: "Save remembered pin",
    thePin: { pasted: "what was pasted as a pin", evidence: "the pin in the evidence file" },
    savePin: { pasted: "Save pasted pin", evidence: "Save pin from the evidence file" },
    compare: "Compare with another file",
    joinedFirst: ", once the parts are joined",
    copy: "Copy",
    copied: "Copied.",
    copyRefused: "The browser doesn’t allow copying. Select the command and copy it yourself.",
  },

  printed: {
    heading: "Report on an audit log",
    verified: "Checked at",
    tool: "Checked with",
    page: (version: string) => `countersign ${version}, the auditor’s page`,
    script: "Hash of the page’s script alone, as the browser checks it:",
    trusted: "Trusted keys",
    nothing: "none, as no trust file was given",
    pins: "Pins",
    noPins: "none",
    bytes: (bytes: number) => `${count(bytes)} bytes`,
    sumLater: (name: string) => `not computed here: compare sha256sum ${name}`,
    more: (more: number) => `${count(more)} more in the JSON report`,
    entries: (entries: string) => `entries ${entries}`,
    run: ({ first, last }: { first: string; last: string }) => `${first} to ${last}`,
  },

  evidence: {
    ask: {
      heading: "Ask",
      who: "Who",
      whoHint: "Name, ID, or part of it",
      behalfOf: "On behalf of",
      behalfHint: "For whom an agent acted",
      actions: "Did what",
      actionsHint: "Action, such as login or role",
      target: "To what",
      targetHint: "Name or ID, or part of it",
      from: "From day",
      until: "To day",
      basis: "Time",
      happened: "when it happened",
      recorded: "when it was recorded",
      ask: "Ask",
      clear: "Clear",
      about: "Days are UTC days, and both are included. The answer replaces the search on the Events tab.",
      ofFile: (name: unknown) => html`In ${name}:`,
      nothing: "Fill in at least one field.",
      backwards: "The first day is after the last.",
      searching: "Searching…",
      edited: "This answers the question before. Press Ask for the answer to the one above.",
      changed: "The search on the Events tab is another one now. Ask again to see the answer.",
      judgedAgain:
        "The events are being checked again. This answer is from the check before; the question is asked again after this one.",
      query: "Search:",
      found: events,
      noEvents: "There are no events",
      noneHere: "This file shows no events",
      by: {
        whole: (name: string) => ` by ${name}`,
        part: (name: string) => ` by anyone with “${name}” in their name, ID, type, or email address`,
        words: (name: string) =>
          ` by anyone with ${allOf(wordsOf(name))} in their name, ID, type, or email address`,
        pattern: (name: string) => ` by anyone with a name, ID, type, or email address like “${name}”`,
      },
      byNames: (names: readonly string[]) => html` by ${listed(LANG, names, 0, "")}`,
      behalf: {
        whole: (name: string) => ` on behalf of ${name}`,
        part: (name: string) => ` on behalf of anyone with “${name}” in their name, ID, or type`,
        words: (name: string) =>
          ` on behalf of anyone with ${allOf(wordsOf(name))} in their name, ID, or type`,
        pattern: (name: string) => ` on behalf of anyone with a name, ID, or type like “${name}”`,
      },
      action: (whole: readonly string[], part: readonly (readonly string[])[]) =>
        whole.length === 0
          ? ` with ${anyOf(part.map(allOf))} in the action`
          : ` with the ${whole.length === 1 ? "action" : "actions"} ${anyOf(whole)}${part.length === 0 ? "" : `, or with ${anyOf(part.map(allOf))} in the action`}`,
      to: {
        whole: (name: string) => ` to ${name}`,
        part: (name: string) => ` to anything with “${name}” in its name, ID, or type`,
        words: (name: string) => ` to anything with ${allOf(wordsOf(name))} in its name, ID, or type`,
        pattern: (name: string) => ` to anything with a name, ID, or type like “${name}”`,
      },
      between: ({ from, until }: { from: string; until: string }) =>
        from === ""
          ? until === ""
            ? ""
            : ` up to and including ${until}`
          : until === ""
            ? ` since ${from}`
            : from === until
              ? ` on ${from}`
              : ` from ${from} to ${until}`,
      recordedWithin: (between: string) => ` recorded${between}`,
      statedWithin: (within: number, of: number) =>
        within > 0
          ? `${count(within)} of them ${within === 1 ? "states" : "state"} a time in these days`
          : of === 1
            ? "it states a time outside these days"
            : "none of them states a time in these days",
      ofVerified: ", counting only events that verify",
      outcomes: {
        all: {
          success: (all: number): string => (all === 1 ? "it succeeded" : "all succeeded"),
          failure: (all: number): string => (all === 1 ? "it failed" : "all failed"),
          denied: (all: number): string => (all === 1 ? "it was denied" : "all were denied"),
          unknown: (all: number): string =>
            all === 1 ? "its outcome is unknown" : "all outcomes are unknown",
          "not-stated": (all: number): string =>
            all === 1 ? "it states no outcome" : "none states an outcome",
        },
        some: {
          success: (some: string, _: number) => `${some} succeeded`,
          failure: (some: string, _: number) => `${some} failed`,
          denied: (some: string, denied: number) => `${some} ${denied === 1 ? "was" : "were"} denied`,
          unknown: (some: string, unknown: number) =>
            `${some} ${unknown === 1 ? "has an unknown outcome" : "have unknown outcomes"}`,
          "not-stated": (some: string, silent: number) =>
            `${some} ${silent === 1 ? "states" : "state"} no outcome`,
        },
      },
      changedTo: ({
        who,
        what,
        changes,
      }: {
        who: string | undefined;
        what: string | undefined;
        changes: string;
      }) => `${who ?? "An unnamed actor"} changed ${what === undefined ? "" : `${what}: `}${changes}`,
      byAction: "By action:",
      narrowAction: (kept: string) => `Press an action to ask about it alone${kept}.`,
      noAction: (silent: string) => `${silent} without an action`,
      actionsOfFirst: (read: string) => `Only the first ${read} were counted by action.`,
      kinds: {
        who: "actors",
        behalf: "people on whose behalf someone acted",
        actions: "actions",
        target: "targets",
      },
      similar: "Did you mean:",
      present: {
        action: ({
          name,
          isWhole,
          events: number,
          byOthers,
        }: {
          name: string;
          isWhole: boolean;
          events: number;
          byOthers: number | undefined;
        }) => {
          const occurs = isWhole ? `The action ${name} occurs` : `Actions like ${quote(name)} occur`;
          const times = number === 1 ? "once" : `${count(number)} times`;
          const others =
            byOthers === undefined || byOthers === 0
              ? ""
              : byOthers === number
                ? ", by others"
                : `, ${count(byOthers)} of them by others`;
          return `${occurs} ${times} in this file${others}.`;
        },
        onDays: (number: number) =>
          number === 0 ? "None of them is on these days." : `On these days: ${events(number)}.`,
      },
      frequent: ({
        kind,
        actor,
        hasDays,
        hasOthers,
      }: {
        kind: string;
        actor: string | undefined;
        hasDays: boolean;
        hasOthers: boolean;
      }) =>
        `The events${actor === undefined ? "" : ` by ${quote(actor)}`} here${hasDays ? " on these days" : ""} ${hasOthers ? "also have" : "have"} these ${kind}:`,
      misplaced: {
        who: (name: string, found: number) => `“${name}” finds actors, in ${events(found)}.`,
        behalf: (name: string, found: number) =>
          `Others, such as agents, acted on behalf of “${name}” in ${events(found)}.`,
        actions: (name: string, found: number) => `“${name}” finds actions, in ${events(found)}.`,
        target: (name: string, found: number) => `“${name}” finds targets, in ${events(found)}.`,
      },
      askMisplaced: {
        who: "Ask who",
        behalf: "Ask on whose behalf",
        actions: "Ask for the action",
        target: "Ask for the target",
      },
      elsewhere: (name: string, found: number) =>
        `“${name}” is in other fields of ${events(found)}, which this question doesn’t search.`,
      showElsewhere: (found: number): string => (found === 1 ? "Show it on Events" : "Show them on Events"),
      noDay: "No event here is from these days.",
      claims: (claims: number) =>
        claims === 1
          ? "1 altered event claims to match. It isn’t counted, because it doesn’t say what was signed:"
          : `${count(claims)} altered events claim to match. They aren’t counted, because they don’t say what was signed:`,
      claim: (entry: string) => `Entry ${entry}`,
      unreadClaims: (unread: number) =>
        `${unread === 1 ? "1 altered event" : `${count(unread)} altered events`} couldn’t be read, so ${unread === 1 ? "it" : "they"} may claim to match, too.`,
      unverifiedAbove: (unverified: number) =>
        `${events(unverified)} ${unverified === 1 ? "doesn’t" : "don’t"} verify, so ${unverified === 1 ? "it isn’t" : "they aren’t"} counted. See above.`,
      unverifiedOther: (unverified: number) =>
        `${events(unverified)} ${unverified === 1 ? "doesn’t" : "don’t"} verify, so ${unverified === 1 ? "it isn’t" : "they aren’t"} counted. What ${unverified === 1 ? "it claims doesn’t" : "they claim doesn’t"} match, but ${unverified === 1 ? "it doesn’t" : "they don’t"} say what was signed.`,
      uncounted: "How many of them failed isn’t known here.",
      unknown: {
        who: (names: readonly string[], isPartial: boolean) =>
          `No event ${isPartial ? "that verifies " : ""}here names the actor ${anyOf(names.map(quote))}`,
        behalf: (names: readonly string[], isPartial: boolean) =>
          `In no event ${isPartial ? "that verifies " : ""}here did anyone act on behalf of ${anyOf(names.map(quote))}`,
        actions: (names: readonly string[], isPartial: boolean) =>
          `No event ${isPartial ? "that verifies " : ""}here has the action ${anyOf(names.map(quote))}`,
        target: (names: readonly string[], isPartial: boolean) =>
          `No event ${isPartial ? "that verifies " : ""}here names the target ${anyOf(names.map(quote))}`,
      },
      searchedNames: {
        who: "Only names, IDs, types, and email addresses of actors were searched. It may be written in another way.",
        behalf: "Only names, IDs, and types were searched. It may be written in another way.",
        actions:
          "Only actions were searched. It may be written in another way; for a name or ID, use “To what”.",
        target: "Only names, IDs, and types of targets were searched. It may be written in another way.",
      },
      covered: {
        who: (typed: readonly string[]) => `Actors that ${anyOf(typed.map(quote))} finds in all events here:`,
        behalf: (typed: readonly string[]) =>
          `Names that ${anyOf(typed.map(quote))} finds among those on whose behalf someone acted, in all events here:`,
        actions: (typed: readonly string[]) =>
          `Actions that ${anyOf(typed.map(quote))} finds in all events here:`,
        target: (typed: readonly string[]) =>
          `Targets that ${anyOf(typed.map(quote))} finds in all events here:`,
      },
      moreNames: (more: string) => `and ${more} more`,
      namesOfFirst: (read: string) => `These are from the first ${read}. There may be other names.`,
      wider: (more: number) =>
        `${moreEvents(more)} ${more === 1 ? "matches" : "match"} if names only need to contain what you typed.`,
      widerUnknown: "Events with longer names that contain what you typed weren’t counted.",
      widen: "Include them",
      late: (late: number, longest: number, of: string | undefined) =>
        `${of === undefined ? events(late) : `${count(late)} of the first ${of}`} ${late === 1 ? "was" : "were"} recorded ${late === 1 ? `${dayCount(longest)} after the time that it states` : `more than a day after the times that they state, by up to ${dayCount(longest)}`}. Until an event is recorded, nothing protects it.`,
      future: (future: number, of: string | undefined) =>
        `${of === undefined ? events(future) : `${count(future)} of the first ${of}`} ${future === 1 ? "states" : "state"} a time later than the recording.`,
      inFile: (events: string, isAll: boolean): string =>
        `Of the ${isAll ? "" : "first "}${events} in this file`,
      lateOf: (late: number, longest: number, of: string) =>
        `${of}, ${count(late)} ${late === 1 ? "was" : "were"} recorded more than a day after the ${late === 1 ? "time that it states" : "times that they state"}, by up to ${dayCount(longest)}.`,
      futureOf: (future: number, of: string) =>
        `${of}, ${count(future)} ${future === 1 ? "states" : "state"} a time later than the recording.`,
      timesOfFirst: (read: string) => `Only the first ${read} were examined for late recording.`,
      isLate: (delay: number) => `${dayCount(delay)} later`,
      isFuture: "earlier than stated",
      onBehalf: {
        more: (more: number, name: string) =>
          `And ${events(more)} by others, such as agents, on behalf of ${name}.`,
        unknown: (name: string) => `What others, such as agents, did on behalf of ${name} wasn’t counted.`,
        ask: "Ask what they did",
      },
      readUnrecognized: (unread: number) =>
        `Read ${unread === 1 ? "it" : "them"} before you write that there are no others.`,
      listUnrecognized: (events: string) => `List ${events} on Events`,
      otherTime: {
        recorded: (more: number) =>
          `${moreEvents(more)} ${more === 1 ? "was" : "were"} recorded on these days, but ${more === 1 ? "states" : "state"} another time.`,
        happened: (more: number) =>
          `${moreEvents(more)} ${more === 1 ? "states" : "state"} a time on these days, but ${more === 1 ? "was" : "were"} recorded at another.`,
        unknown:
          "Events of which only the stated time or only the recording is on these days weren’t counted.",
        unclear:
          "This page couldn’t tell how many events match by their other time: the query combines times with other conditions.",
        elsewhere:
          "This file has only the events that were selected. So it can’t tell how many others state a time on these days but were recorded at another, or the reverse, or are from other days.",
        ask: { recorded: "Ask by time of recording", happened: "Ask by stated time" },
      },
      anyDay: (all: number) => `On any day: ${events(all)}.`,
      askAnyDay: "Ask without the days",
      press: "Press an event for its details.",
      open: (entry: string) => `Open entry ${entry}`,
      all: ({ entries, seen, events }: { entries: string; seen: unknown; events: string }) =>
        html`All ${entries} of the log${seen === undefined ? " so far" : html` up to ${seen}`} are here, and all ${events} among them were searched: this is all of them.`,
      searched: ({ entries, seen, events }: { entries: string; seen: unknown; events: string }) =>
        html`All ${entries} of the log${seen === undefined ? " so far" : html` up to ${seen}`} are here, and all ${events} among them were searched.`,
      statedAll: ({ entries, seen, events }: { entries: string; seen: unknown; events: string }) =>
        html`By the examiner’s report, the export has all ${entries} of the log${seen === undefined ? " so far" : html` up to ${seen}`}, and all ${events} among them were searched. Only the export can show that.`,
      others: (others: number) =>
        others === 1
          ? "The other entry isn’t an event: it starts or ends a chain, or is about a key."
          : `The other ${count(others)} entries aren’t events: they start or end chains, or are about keys.`,
      bounds: {
        searched: (events: string) => `${events} searched.`,
        part: ({ first, last }: { first: string; last: string }) =>
          `All entries ${first} to ${last} of the log are here: this is all of them among these. There may be others before or after these entries.`,
        range: ({ first, last }: { first: string; last: string }) =>
          `Only entries ${first} to ${last} were searched: this is all of them among these.`,
        claimed:
          "No entry is missing from the part of the log that this file covers: this is all of them in that part. There may be others before or after it.",
        revocable: "An entry that this file omits may revoke a key that signed some of these events.",
        chains:
          "The chains in this file are complete: this is all of them in these chains. The log may have other chains.",
      },
      statedBounds: {
        searched: (events: string) => `By the examiner’s report, ${events} searched.`,
        part: ({ first, last }: { first: string; last: string }) =>
          `The export has all entries ${first} to ${last} of the log: this is all of them among these. There may be others before or after these entries.`,
        range: ({ first, last }: { first: string; last: string }) =>
          `Only entries ${first} to ${last} were searched: this is all of them among these.`,
        claimed:
          "No entry is missing from the part of the log that the export covers: this is all of them in that part. There may be others before or after it.",
        revocable: "An entry that the export omits may revoke a key that signed some of these events.",
        chains:
          "The chains in the export are complete: this is all of them in these chains. The log may have other chains.",
      },
      /** Introductions to the reasons why other events may match. */
      part: {
        may: "This may be only part, because:",
        is: "This is only part of the log:",
      },
      untrusted: {
        reader: {
          all: "No key you trust signed these events: anyone could have made them.",
          some: "Keys you don’t trust signed some of these events: anyone could have made those.",
        },
        author: {
          all: "No key that the author trusted signed these events: anyone could have made them.",
          some: "Keys that the author didn’t trust signed some of these events: anyone could have made those.",
        },
      },
      doubts: {
        verdict: "The file as a whole is not verified: see its verdict.",
        unverified: (unverified: number) =>
          `${events(unverified)} in this file ${unverified === 1 ? "doesn’t" : "don’t"} verify, so ${unverified === 1 ? "it wasn’t" : "they weren’t"} searched and may match. See Problems.`,
        withheld: (withheld: number) =>
          `The content of ${events(withheld)} is withheld, so ${withheld === 1 ? "it" : "they"} couldn’t be searched.`,
        omitted: (omitted: number) =>
          `${entries(omitted)} of the log ${omitted === 1 ? "is" : "are"} omitted from this file, so ${omitted === 1 ? "it" : "they"} couldn’t be searched.`,
        part: ({ first, last }: { first: string; last: string }) =>
          `Only entries ${first} to ${last} of the log are here. Nothing is missing between them; there may be others before or after.`,
        range: ({ first, last }: { first: string; last: string }) =>
          `Only entries ${first} to ${last} were searched.`,
        claimed:
          "Only part of the log is here. Nothing is missing from that part; there may be others before or after it.",
        revocable: "An entry that this file omits may revoke a key that signed some of these events.",
        chains: "Only the chains in this file are shown to be complete. The log may have others.",
        undetermined: "Nothing shows whether there were other entries before or after those in this file.",
        later: (seen: unknown) =>
          html`The file shows the log up to ${seen}, but you asked about a later time too.`,
        undated: "Nothing shows up to which time this file shows the log.",
        unrecognized: (unread: number, number: unknown) =>
          html`${number} ${unread === 1 ? "states" : "state"} no actor, no action, or no time in a form that the search knows.`,
        unexamined: (present: number) =>
          `${events(present)} ${present === 1 ? "verifies" : "verify"} with the keys used here, and not all of them were searched.`,
        empty: "There was no event to examine.",
        rules: "The rules couldn’t examine all events. The reasons are below.",
        limits: (rules: number) =>
          `${rules === 1 ? "A rule" : `${rules} rules`} skipped some events, to save memory or because they came late, and may have missed matches.`,
        future: (late: number) =>
          `${events(late)} ${late === 1 ? "states" : "state"} a time later than the recording. Rules over a timespan don’t count ${late === 1 ? "it" : "them"}.`,
      },
      statedDoubts: {
        verdict: "The export as a whole is not verified: see its verdict below.",
        unverified: (unverified: number) =>
          `${events(unverified)} in the export ${unverified === 1 ? "doesn’t" : "don’t"} verify, so ${unverified === 1 ? "it wasn’t" : "they weren’t"} searched and may match.`,
        omitted: (omitted: number) =>
          `${entries(omitted)} of the log ${omitted === 1 ? "is" : "are"} omitted from the export, so ${omitted === 1 ? "it" : "they"} couldn’t be searched.`,
        part: ({ first, last }: { first: string; last: string }) =>
          `Only entries ${first} to ${last} of the log are in the export. Nothing is missing between them; there may be others before or after.`,
        claimed:
          "Only part of the log is in the export. Nothing is missing from that part; there may be others before or after it.",
        revocable: "An entry that the export omits may revoke a key that signed some of these events.",
        chains: "Only the chains in the export are shown to be complete. The log may have others.",
        undetermined: "Nothing shows whether there were other entries before or after those in the export.",
        undated: "Nothing shows up to which time the export shows the log.",
      },
      times: {
        happened: "Time: what each event states. If it states none, the time at which it was recorded.",
        recorded: "Time: when each event was recorded, as signed with it.",
      },
      some: ({ selected, events, outcomes }: { selected: string; events: string; outcomes: string }) =>
        `The search selects ${selected} of ${events}${outcomes === "" ? "" : `: ${outcomes}`}.`,
      none: (events: string) => `The search selects none of ${events}.`,
      first: ({ shown, of }: { shown: string; of: string }) => `The first ${shown} of ${of}:`,
      show: "Show them on Events",
      contain: (events: string) => `Include all ${events}, so that readers can check the answer`,
      choice: (all: string, found: number, hasOthers: boolean) => ({
        ticked: `Ticked: readers see all ${all}${hasOthers ? ", of everybody" : ""}, and check themselves that there are no others among them.`,
        unticked: `Unticked: readers see ${found === 0 ? "no event" : found === 1 ? "only this event" : `only these ${count(found)} events`}, and must take your word that there are no others.`,
      }),
      statedFaulty: (events: string) =>
        `Unticked: readers see only the events found, and the verdict of the export. You state only what was found among the ${events} that verify.`,
      tooLarge: "The export has more than 64 MiB, so the file can’t include it.",
      slice: "Save these events as an export",
      report: "Save report (JSON)",
    },
    own: {
      running: "Being checked…",
      stopped: "Not checked. See below.",
      selected: ({ selected, events, outcomes }: { selected: string; events: string; outcomes: string }) =>
        `By your trust file, the query selects ${selected} of ${events}${outcomes === "" ? "" : `: ${outcomes}`}.`,
      contained: ({ selected, events }: { selected: string; events: string }) =>
        `By the trust file in it, the query selects ${selected} of ${events}. The file contains all of these, and this page searched them again.`,
      unchangedHere: (events: string) => `The ${events} here: unchanged.`,
      exportBehind: (verdict: string) =>
        `The export they come from: ${verdict} That is by the report of the file’s author.`,
      leftOut: (left: number, listed: string) =>
        `${entries(left)} ${left === 1 ? "matches" : "match"} by your trust file that the answer leaves out: ${listed}`,
      unverified: (unverified: number, listed: string) =>
        `${entries(unverified)} of the answer ${unverified === 1 ? "is" : "are"} not verified by your trust file: ${listed}`,
      more: ({ shown, more }: { shown: string; more: string }) => `${shown} and ${more} more`,
    },
    filed: {
      heading: "Evidence file",
      opening: "Checking what is in this evidence file…",
      refused: "This evidence file doesn’t verify",
      refusedAbout: "None of its content is shown.",
      place: (line: number | undefined) => (line === undefined ? "" : `Line ${line} of the evidence: `),
      verified: ({ when, events }: { when: unknown; events: string }) =>
        html`This page has just checked what is in the file (${when}): ${events}. They give the same report as the one in the file.`,
      own: "The page in the file is, byte for byte, the one that you are using.",
      other: (sha256: unknown) =>
        html`The page in the file isn’t the one that you are using: it is of another version, or it was altered. It wasn’t run. Its
          SHA-256 is ${sha256}.`,
      uncompared: (sha256: unknown) =>
        html`The page in the file wasn’t compared with another copy. It wasn’t run. Its SHA-256 is ${sha256}.`,
      inside: html`You are using the copy of the page in the file. Anyone who edits the file can edit that copy too, and make it say anything.
        For what matters, open a copy of this page from a source that you trust and drop this file on it, or run <code>countersign report --check</code>.`,
      trust:
        "Checked with the trust file in it, which its author chose. If you have one from someone you trust, choose it here:",
      keys: "This came from an evidence file. Unless you chose a trust file of your own, the keys are those that its author trusts.",
      ownTrust: "Below, its events are checked with the keys that you trust, not with the trust file in it.",
      wholeAbout:
        "You can check this with the export, but not with this file. Compare the SHA-256 with the export, if you can get it.",
      sections: (count: string, of: number) =>
        `The author’s statements (${count} ${of === 1 ? "section" : "sections"})`,
      sectionsAbout:
        "The author of the file wrote this. The events that it mentions were verified here; its statements about them were not.",
      made: "Made by",
      facts: "Subject, author, and keys",
      file: "Export",
      trustFile: "Trust file",
      pins: "Pins",
      rememberedPin: "The author’s browser remembered this state of the log from an earlier check.",
      query: "Query",
      all: "all events",
      selected: "Selected",
      sample: "Sample",
      reference: "Reference",
      examiner: "Examiner",
      claimsTitle: "Altered events that claim to match",
      noClaims: (altered: number) =>
        altered === 1
          ? "1 event of the export was altered. What it claims doesn’t match."
          : `${count(altered)} events of the export were altered. What they claim doesn’t match.`,
      statedClaims: (claims: number) =>
        claims === 1
          ? "By the examiner’s report, 1 altered event of the export claims to match. It isn’t counted, because it doesn’t say what was signed:"
          : `By the examiner’s report, ${count(claims)} altered events of the export claim to match. They aren’t counted, because they don’t say what was signed:`,
      mayClaim: (altered: number) =>
        altered === 1
          ? "1 event of the export fails its checks and may match:"
          : `${count(altered)} events of the export fail their checks and may match:`,
      allOf: (events: string) => `All events of the export: ${events}`,
      sampleOf: ({ drawn, of }: { drawn: string; of: string }) => `A sample was drawn: ${drawn} of ${of}`,
      allVerified: ({ events, of }: { events: string; of: string }) =>
        `All events of the export that verify: ${events} of ${of}`,
      statedAbout: ({ events, here }: { events: string; here: string }) =>
        `The author’s statements are about the whole export: ${events}. The file contains those that they name: ${here}.`,
      statedWithin: (words: { events: string; here: string; first: string; last: string }) =>
        `The author’s statements are about entries ${words.first} to ${words.last}: ${words.events}. The file contains those that they name: ${words.here}.`,
      allWithin: ({ events, first, last }: { events: string; first: string; last: string }) =>
        `All events among entries ${first} to ${last}: ${events}`,
      question: "Question",
      questions: {
        asked: ({ who, rest }: { who: string; rest: string }) =>
          who === "" ? `What was done${rest}?` : `What did ${who} do${rest}?`,
        recorded: ({ between, within }: { between: string; within: string }) =>
          `What was recorded${between}${within}?`,
        asRecorded: (between: string) => `, as recorded${between}`,
        search: (within: string) => `Which events does this search select${within}?`,
        all: (within: string) => `What does this export contain${within}?`,
        sample: (within: string) => `What does a sample of this export contain${within}?`,
        stated: "What does the author state about this export?",
        within: ({ first, last }: { first: string; last: string }) => ` among entries ${first} to ${last}`,
        or: " or ",
        others: (left: number) => (left === 1 ? "one other" : `${count(left)} others`),
      },
      answer: "Answer",
      rules: {
        name: "Rules",
        question: ({ rules, pack, within }: { rules: number; pack: string; within: string }) =>
          rules === 1
            ? `Did the rule in “${pack}” fire${within}?`
            : `Did any of the ${count(rules)} rules in “${pack}” fire${within}?`,
        none: ({ rules, pack, events }: { rules: string; pack: unknown; events: string }) =>
          html`None of the ${rules} rules in “${pack}” fired on ${events}.`,
        inapplicable: ({ pack, events }: { pack: unknown; events: string }) =>
          html`No rule in “${pack}” could examine any of the ${events}.`,
        some: ({ findings, events }: { findings: string; events: string }) =>
          `The rules made ${findings} in ${events}.`,
        more: (rules: string) => `and ${rules} more`,
        contained: (events: string) =>
          `The file contains the rules and all ${events} that they examined. This page ran them again and got the same result.`,
        containedOwn: (events: string) =>
          `This is the result with your trust file: the page ran the rules in the file over the ${events} that verify with it.`,
        differs: ({ findings, events }: { findings: string; events: string }) =>
          `With the trust file in the file, the result differs: ${findings} in ${events}.`,
        stated:
          "The examiner states this about the export named below. The file doesn’t contain all events that the rules examined, so this page can’t run them again.",
        own: "The rules are those of this page.",
        other: (sha256: unknown) =>
          html`The rules aren’t those of this page: they are of another version, or the examiner’s own. Their SHA-256: ${sha256}`,
      },
      examinedAt: "Examined at",
      verdict: "Verdict by the file’s trust file",
      ownVerdict: "Verdict by your trust file",
      byAuthor: "With the keys that the author of the file trusts.",
      whole: "What the author’s tool reported about the full export:",
      contained: (events: string) =>
        `The file contains all ${events} that were searched. This page searched them again and got the same result.`,
      stated:
        "The examiner states this about the export named below. The file doesn’t contain the other events that were searched, so this page can’t repeat the search.",
      examined: ({ events, unrecognized }: { events: string; unrecognized: unknown }) =>
        html`${events} searched; without an actor, an action, or a time that the search knows: ${unrecognized}`,
      similar: (names: string) => `Similar: ${names}.`,
      wider: (more: number) =>
        `${moreEvents(more)} ${more === 1 ? "matches" : "match"} if names only need to contain those in the question.`,
      authorsVerdict: {
        untrusted: "Unchanged since it was signed, but the author didn’t trust the signer’s key.",
        log: "Unchanged since it was signed, but the author didn’t trust the log.",
      },
      below: {
        export: "The events in this evidence file: the whole export",
        slice: ({ events, of }: { events: string; of: string }) =>
          `The events in this evidence file: ${events}, of the ${of} in the export`,
      },
      papers: "Notes",
    },
    make: {
      heading: "Evidence",
      about:
        "Saves the events that your search on the Events tab shows, with their proofs. Without a search, it saves all of them.",
      reference: "Reference",
      examiner: "Examiner",
      typed: "Both appear in what you save and print. They are sent nowhere.",
      untyped: "not filled in",
      noSlice: {
        altered:
          "These events can’t be saved as an export, because this file is altered. Such an export would verify by itself, and nothing in it would show that. Save them as evidence instead: it keeps the verdict of this file.",
        broken:
          "These events can’t be saved as an export, because this file is broken. Such an export would verify by itself, and nothing in it would show that. Save them as evidence instead: it keeps the verdict of this file.",
      },
      save: "Save as evidence",
      withAnswer: "The answer above has the buttons that save it.",
      saveAbout:
        "One HTML file with the selected events, the trust file, the report and this page. It verifies itself when it is opened, offline.",
      working: "Working…",
      selection: "Events to save:",
      toSearch: "Go to the search",
      sampled: (events: string) => `A sample of ${events} is saved.`,
      sampleDropped: "The search changed, so the sample was dropped. Draw another.",
      saved: ({ events, name }: { events: string; name: string }) => `Saved ${events}: ${name}.`,
      savedWithAll: ({ events, all, name }: { events: string; all: string; name: string }) =>
        `Saved the answer, ${events}. The file contains all that was searched, ${all}: ${name}.`,
      savedNone: (name: string) => `Saved the answer that nothing was found: ${name}.`,
      reported: ({ events, name }: { events: string; name: string }) =>
        `Saved the report on ${events}: ${name}.`,
      noPage:
        "The log doesn’t serve the auditor’s page, with which an evidence file begins. Choose a copy below.",
      tooLong: "There are more than 64 MiB of events. Search for fewer, or draw a sample.",
      notReady: "This isn’t ready yet. Try again in a moment.",
      sampleHeading: "Draw a sample for testing",
      size: "How many",
      seed: "Seed",
      seedAbout: "A text that both sides agreed on before they saw the log.",
      draw: "Draw",
      drop: "Use all events again",
      noRoot: "A sample needs the root of a matching checkpoint, and this export has none.",
      drawn: ({ drawn, of }: { drawn: string; of: string }) => `${drawn} of ${of}, drawn by`,
      witnessed: "the last checkpoint that the quorum of witnesses signed",
      unwitnessed: "the last checkpoint, which the quorum of witnesses didn’t sign",
      unrequired: "the last checkpoint (the trust file requires no witnesses)",
      root: "Root",
      again: "Anyone draws the same:",
      papers: "Ticks, flags and notes",
      papersAbout:
        "They stay in this browser’s storage, under the file’s SHA-256. Those on the events to save are included in the saved files.",
      notKept: "This browser stores nothing. Save the evidence before you close the page.",
      full: "No more than 1,000 events can have notes.",
      open: "Show the events",
      first: ({ shown, of }: { shown: string; of: string }) =>
        `The first ${shown} of ${of}. Search for what you want to annotate.`,
      entry: "Entry",
      time: "Recorded",
      happened: "Happened",
      what: "Who did what to what",
      tick: "Ticked",
      flag: "Flagged",
      comment: "Note",
    },
    paper: {
      sign: ["Name", "Place, date", "Signature"],
      filter: "Search",
      events: "Events",
      more: (more: string) => `${more} more are in the evidence file or the slice.`,
      page: "Page",
      here: "Search in it",
      contained: "Export in the evidence",
      noHash: "not computed yet",
      inError: "error",
      refused: "The search has an error, so no events are printed:",
      waiting:
        "The events weren’t loaded yet when this was printed, so they are missing here. Print it again.",
      printReference: "Reference of this print",
      printExaminer: "Printed by",
    },
  },

  about: {
    summary: (version: string) => `countersign ${version}: is this page the one that was released?`,
    text: (version: string) =>
      `You can trust a verdict only as much as the page that shows it. This page says that it is countersign ${version}, and a forged one would say the same. So check the file itself:`,
    how: "Hash the file that you opened, and compare the result with the SHA256SUMS file published with the release.",
    rebuild:
      "Or build it yourself. The same sources give the same bytes. In the repository, at the tag of this version:",
    parts: "The page’s own policy lets the browser run these parts and no others:",
    script: "Script",
    style: "Style",
  },
};

/** Texts of the page. A language that lacks one doesn't compile. */
export type PageTexts = typeof en;
