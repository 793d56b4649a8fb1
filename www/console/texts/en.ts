import { counting } from "@countersign/viewer/texts/figures.js";
import { html } from "lit";
import { en as page } from "../../src/texts/en.ts";

const LANG = "en-GB";
const { count, duration, leaves } = page.viewer.figures;
const cosignatures = counting(LANG, "cosignature", "cosignatures");
const conditions = counting(LANG, "condition", "conditions");
const lines = counting(LANG, "line", "lines");

/** What the console says beside what the auditor's page and the viewer say, in English. */
export const en = {
  /** The auditor's page's own, whose parts the console shows too. */
  page,
  viewer: page.viewer,

  title: "Console – countersign",
  heading: (origin: unknown) => html`Console of ${origin}`,
  headingAlone: "Console of a log",
  lead: "What this log answers is verified in this browser, by keys that you bring.",
  skip: "To the content",
  tabs: {
    search: "Search",
    live: "Live",
    coverage: "Coverage",
    keys: "Keys",
    witnesses: "Witnesses",
    storage: "Storage",
  },
  tabsName: "Parts of the console",

  about: {
    summary: "This page is as honest as who serves it.",
    paragraphs: [
      html`It connects to the log that served it and to nowhere else: its Content Security Policy says
        <code>connect-src 'self'</code>, in the first lines of its source. Your token goes into one header of what it asks; what you trust
        and what comes of it are not sent at all.`,
      html`Who runs a log could serve a page that tells you what they like. Where that matters, save an export, and verify it with the
        auditor’s page, which works from disk, or with the program, which you have from somewhere else.`,
    ],
  },

  access: {
    heading: "Access and trust",
    token: "Reader’s token",
    tokenHelp: html`From whoever runs the log: <code>countersign token add NAME</code>. It is sent in one header and never stands in an
      address.`,
    keep: "Keep token and trust file in this tab until it is closed",
    use: "Use this token",
    leave: "Forget token and trust",
    checking: "Asking the log",
    malformed: "A token is one word without spaces. Copy it again, alone.",
    missing: "Give a token first.",
    accepted: "Token accepted",
    refused: "Token not accepted",
    none: "No token",
    trust: "What you trust",
    trustHelp:
      "A trust file names the keys of the log, its witnesses and the emitters. Bring it yourself: nothing of it is ever taken from the log.",
    withoutTrust: "No trust file",
    noTrust: "No trust: the best verdict is “consistent in itself, signer not confirmed”.",
    choose: "Choose a trust file",
    another: "Choose another trust file",
    paste: "Paste a trust file",
    pasteLabel: "Trust file",
    usePasted: "Use it",
    pastedName: "pasted-trust.txt",
    notTrust:
      "This is no trust file: its lines begin with log, witness, issuer, emitter, group, quorum or revoke.",
    tooLarge: "This is larger than a trust file can be.",
    remove: "Remove",
    plain:
      "This page came without encryption: whoever is on the way can read a token that you send, and could have changed the page.",
    needed: "This is for readers with a token.",
    toToken: "Give a token",
  },

  refusals: {
    unauthenticated: {
      title: "The log does not know this token",
      todo: "Was it copied whole? It may also have been taken back, or have expired: ask whoever runs the log for another.",
    },
    tokenless: { title: "The log asks for a token", todo: "Ask whoever runs the log for a reader’s token." },
    forbidden: {
      title: "This token may not read this",
      todo: "Ask whoever runs the log for a token that may read.",
    },
    invalid: { title: "The log cannot use what you ask for", todo: "Correct it and search again." },
    notFound: {
      title: "There is nothing at this address",
      todo: "Is this page open at the log’s own address?",
    },
    busy: { title: "The log has too much to do", todo: "" },
    unavailable: { title: "The log cannot answer now", todo: "" },
    failed: {
      title: "The log failed to answer",
      todo: "Try again later. If it stays so, tell whoever runs the log.",
    },
    unreachable: {
      title: "The log did not answer",
      todo: "It may have been stopped, or the network is down. Try again later.",
    },
    page: {
      title: "What came is a web page",
      todo: "Something between you and the log answered, such as a page to log in. Reload this page, then try again.",
    },
    after: (seconds: number) => `Try again in ${duration(seconds)}.`,
    soon: "Try again in a moment.",
    says: "The log says:",
  },

  search: {
    heading: "Search the log",
    about:
      "The log cuts an export; this browser verifies it. What you do not see may still be there: an export proves what it shows, and says what it leaves out.",
    fields: {
      query: ["Query", "actor:ada outcome:failure,denied since:-7d"],
      from: ["From leaf", ""],
      to: ["Before leaf", ""],
      limit: ["Only the newest", "all that fit"],
    },
    more: "More conditions",
    set: (set: number) => conditions(set),
    submit: "Search",
    clear: "Clear",
    cancel: "Cancel",
    loading: "Asking the log",
    whole: "Without conditions it is all of the log, however large.",
    noNumber: "This must be a whole number.",
    boundary: (size: number) =>
      `Cut at ${leaves(size)} too, where this device saw the log last, so that the two can be held against each other.`,
    emptyLog: "This log is empty: nothing was submitted to it yet.",
  },

  live: {
    heading: "Live view",
    about:
      "Events as they are published, verified as they arrive. Each checkpoint must continue the one before: if the log’s history changes, an alarm is raised in every part of the console, and stays.",
    start: "Begin",
    again: "Begin again",
    since: (size: number) =>
      `This device saw the log last at ${leaves(size)}; what comes is held against that. It was on`,
    states: {
      connecting: "Connecting",
      following: "Following",
      ended: "Ended",
      lost: (seconds: number) => `Connection lost, tried again in ${duration(seconds)}`,
      stopped: "Stopped",
      refused: "Refused",
      failed: "Failed",
    },
    goesOn: "The live view goes on in the background.",
  },

  verified: {
    none: "Nothing was verified yet. This part shows what came of a search or of the live view.",
    whole: "Verify all of the log",
    live: "Begin the live view",
    waiting: "Being verified; this part is shown as soon as there is a report.",
    source: "Shown is what was verified of",
    search: "the search",
    liveView: "the live view",
    failed: "There is no report: verifying came to no end.",
  },

  coverage: {
    heading: "Coverage of the log",
    seen: "By the log’s word, not verified",
    size: "Size",
    published: "Published",
    at: "Published at",
    here: "Verified here",
    upTo: "Up to",
    upToNone: "no checkpoint that matches",
    shown: "Events shown",
    withheld: "Withheld",
    why: { erased: "erased", redacted: "redacted", filtered: "filtered", unsaid: "no reason said" },
    whyHelp: "Why events are withheld is the log’s word; that they are there, in this place, is proven.",
    skipped: "Leaves left out",
    notes: "Key notes",
    checkpoints: "Checkpoints over time",
    checkpointsAbout:
      "An export ends with one checkpoint; the live view brings each as it is published. The newest comes first.",
    table: {
      size: "Size",
      root: "Root hash",
      matches: "Matches",
      log: "The log’s signature",
      witnesses: "Cosignatures",
      time: "Seen at",
    },
    more: (more: number) => `${count(more)} older ones are not listed.`,
    noCheckpoints: "There is no checkpoint in what was verified.",
    yes: "yes",
    no: "no",
    untold: "not looked at",
    another: "This address served another log before",
    anotherWhy: (origins: unknown) =>
      html`This device remembers ${origins} from here. A log that changes its name escapes what was remembered of it: find out why.`,
  },

  keys: {
    heading: "Keys",
    about:
      "Who signs the events that were verified, from where that is trusted, and what key notes in the log say.",
    notes: "Key notes in what was verified",
    noNotes: "There is no key note in what was verified.",
    more: (more: number) => `${count(more)} more are not listed.`,
  },

  witnesses: {
    heading: "Witnesses",
    about:
      "A witness signs a checkpoint only if it continues what it signed before. So a log whose newest checkpoint a quorum of them signed shows all of its readers the same history.",
    quorum: "Your quorum",
    met: "Met at the newest checkpoint",
    unmet: "Not met",
    unknown: "Not looked at",
    noTrust:
      "Which witnesses count is said by a trust file (witness, group and quorum lines). You have brought none.",
    existed: "existed by",
    seen: "seen at",
    yours: "Witnesses of your trust file",
    noneYours: "Your trust file names no witness.",
    cosigned: (valid: number) => cosignatures(valid),
    invalid: (invalid: number) => `${count(invalid)} invalid`,
    never: "no cosignature in what was verified",
    last: "last at",
    others: "Others who signed a checkpoint",
    othersAbout:
      "Your trust file does not name these keys, so their signatures were not looked at: they prove nothing.",
    signed: (times: number) => `on ${counting(LANG, "checkpoint", "checkpoints")(times)}`,
    log: "By the log’s own word",
    healthy: (met: boolean): string =>
      met
        ? "it says that the witnesses it needs, if any, saw the newest checkpoint"
        : "it says that the witnesses it needs have not all seen the newest checkpoint",
  },

  storage: {
    heading: "Storage",
    about:
      "What the log says of itself, by /healthz and /metrics. This is its operator’s word: nothing of it is signed, and nothing here is verified.",
    word: "The operator’s word, unverified",
    refresh: "Refresh",
    asked: "asked at",
    health: "Health",
    healthy: "healthy",
    unhealthy: "not healthy",
    unreadable: "What came is no answer of a log to /healthz.",
    origin: "Origin",
    size: "Durable leaves",
    published: "Published leaves",
    publishedAt: "Published at",
    waiting: "Not yet published",
    witnessed: "Seen by all witnesses that it needs",
    yes: "yes",
    no: "no",
    unknown: "not known",
    since: "Since the server was started",
    taken: "Leaves taken",
    commits: "Durable commits",
    failed: "Commits that failed",
    commit: "A commit took, on average",
    erased: "Events erased",
    submissions: "Submissions answered",
    witnessFailures: "Times that a witness gave no cosignature",
    all: "All figures",
    name: "Name",
    labels: "Labels",
    value: "Value",
    ignored: (ignored: number) => `${lines(ignored)} of the figures were not understood and are left out.`,
    noMetrics: "There are no figures.",
  },
};

/** Everything the console says; a language has all of it. */
export type ConsoleTexts = typeof en;
