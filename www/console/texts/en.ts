import { counting } from "@countersign/ui/viewer/texts/figures.js";
import { html } from "lit";
import { en as page } from "../../src/texts/en.ts";

const LANG = "en-GB";
const { count, duration, entries } = page.viewer.figures;
const cosignatures = counting(LANG, "cosignature", "cosignatures");
const calls = counting(LANG, "call", "calls");
const emitters = counting(LANG, "emitter", "emitters");
const witnesses = counting(LANG, "witness", "witnesses");
const callers = counting(LANG, "caller", "callers");
const lines = counting(LANG, "line", "lines");
const tenants = counting(LANG, "tenant", "tenants");
const logsOf = counting(LANG, "log", "logs");

/** English texts of the console, besides those of the page and the viewer. */
export const en = {
  /** Texts of the auditor's page. The console shows some of its parts. */
  page,
  viewer: page.viewer,

  title: "Console – countersign",
  heading: (origin: unknown) => html`Console of ${origin}`,
  headingAlone: "Console of a log",
  lead: "Everything this log sends is checked in your browser against the keys you choose to trust.",
  skip: "Skip to content",
  groups: {
    events: "Events",
    detection: "Detection",
    trust: "Trust",
    operation: "Operation",
  },
  tabs: {
    overview: "Overview",
    search: "Search",
    ask: "Ask",
    live: "Live",
    findings: "Findings",
    sessions: "Sessions",
    inventory: "Inventory",
    exposure: "Exposure",
    coverage: "Coverage",
    keys: "Keys",
    witnesses: "Witnesses",
    evidence: "Evidence",
    storage: "Storage",
    tenants: "Tenants",
    across: "Search all",
  },
  tabsName: "Sections of the console",

  about: {
    summary: "Served by the log operator. For an independent check use the offline page.",
    paragraphs: [
      html`This page connects only to the log that served it. Its Content Security Policy, in the first lines of its source, says
        <code>connect-src 'self'</code>. Your token is sent in one request header. Your trust file and the results are never sent.`,
      html`A log operator could serve a page that shows anything. Where that matters, save an export and check it with
        the auditor’s page, which works offline, or with the command-line program, both obtained from somewhere else.`,
    ],
    signIn: (issuer: unknown) =>
      html`To sign you in, this page also connects to ${issuer}, which its Content Security Policy names too.`,
  },

  access: {
    heading: "Access and trust",
    token: "Access token",
    tokenHelp: html`From the log operator: <code>countersign token add NAME</code>, or <code>countersign tenant add NAME</code>
      for the log of one customer. It is sent in a request header, never in an address.`,
    keep: "Keep the token and the trust file when this page is reloaded, until this tab is closed",
    unkept:
      "This browser doesn’t allow it. After a reload, you have to enter the token and the trust file again.",
    signIn: (host: unknown) => html`Sign in at ${host}`,
    signInHelp: (host: unknown) =>
      html`You sign in at ${host}, and come back here. The token that you get there is sent to this log only.`,
    signInFailed: "You weren’t signed in. Try again. If it keeps failing, tell the log operator.",
    orToken: "Or use an access token:",
    use: "Use this token",
    leave: "Sign out, and forget the token and the trust file",
    checking: "Checking with the log",
    malformed: "A token is one word without spaces. Copy it again, with nothing around it.",
    missing: "Enter a token first.",
    accepted: "Token accepted",
    refused: "Token not accepted",
    none: "No token",
    trust: "Keys you trust",
    trustHelp:
      "A trust file names the keys of the log, its witnesses and its emitters. Get it from someone you trust. It is never taken from the log itself.",
    withoutTrust: "No trust file",
    trustNone: "none of its keys signed this log",
    trustSome: "it doesn’t vouch for all signers",
    noTrust: "Without a trust file, this page can tell that events are unchanged, but not who signed them.",
    choose: "Choose a trust file",
    another: "Choose another trust file",
    paste: "Paste a trust file",
    pasteLabel: "Trust file",
    usePasted: "Use it",
    pastedName: "pasted-trust.txt",
    notTrust:
      "This isn’t a trust file. Its lines begin with log, witness, issuer, emitter, group, quorum, growth, revoke or origin.",
    tooLarge: "This is too large for a trust file.",
    remove: "Remove",
    plain:
      "This page was loaded without encryption. Others on the network can read a token that you send, and could have changed the page.",
    needed: "You need an access token to see this.",
    toToken: "Enter a token",
  },

  refusals: {
    unauthenticated: {
      title: "The log doesn’t accept this token",
      todo: "Check that you copied all of it. It may also have been revoked or have expired. If so, ask the log operator for a new one.",
    },
    tokenless: { title: "The log needs a token", todo: "Ask the log operator for an access token." },
    forbidden: {
      title: "This token may not read this",
      todo: "Ask the log operator for a token that may read.",
    },
    invalid: { title: "The log can’t run this search", todo: "Correct it and search again." },
    notFound: {
      title: "Nothing was found at this address",
      todo: "Check that this page is open at the log’s own address. For the log of one customer, it ends in /t/ID/, and a token for another log is answered like this too.",
    },
    busy: { title: "The log is busy", todo: "" },
    unavailable: { title: "The log can’t answer right now", todo: "" },
    failed: {
      title: "The log failed to answer",
      todo: "Try again later. If it keeps failing, tell the log operator.",
    },
    unreachable: {
      title: "The log did not answer",
      todo: "It may have been stopped, or the network may be down. Try again later.",
    },
    page: {
      title: "The answer is a web page",
      todo: "Something between you and the log answered, such as a sign-in page. Reload this page, then try again.",
    },
    after: (seconds: number) => `Try again in ${duration(seconds)}.`,
    soon: "Try again in a moment.",
    says: "The log says:",
  },

  search: {
    heading: "Search the log",
    about: "Search the loaded events here. The log can search all of its events.",
    found: "In the whole log, the log searched for",
    asked: "You searched the whole log for",
    back: "Back to the loaded events",
    everywhere: "Search the whole log",
    onlyLoaded: "So far, only the loaded events were searched.",
    loading: "Waiting for the log",
    searching: "The log is searching",
    number: (events: number, isLimit: boolean) =>
      isLimit
        ? `The newest ${page.viewer.figures.events(events)}. There may be more.`
        : `${page.viewer.figures.events(events)}.`,
    proven: "Each is signed by a key you trust, and is in the log.",
    signed: "Each is signed by a key you trust.",
    couldOmit: "The log searched, so it could leave some out. To be sure, load the whole log.",
    loadWhole: "Load the whole log",
    boundary: (size: number) =>
      `The log is also asked for its state at ${entries(size)}, where this device saw it last, so that the two can be compared.`,
    emptyLog: "This log is empty. Nothing has been recorded in it yet.",
    emptyNext: "The live view shows the first event as soon as it is recorded.",
  },

  /** The form that chooses which entries are loaded. */
  extent: {
    load: "Load",
    amount: (newest: string) =>
      newest === "" ? "the whole log" : `the newest ${count(Number(newest))} events`,
    some: "Only some entries",
    from: "From entry",
    to: "Before entry",
    apply: "Load these",
    again: "Load again",
    cancel: "Cancel",
    noNumber: "Enter a whole number.",
  },

  overview: {
    heading: "Overview",
    names: {
      log: "Log",
      alarms: "History",
      live: "Live",
      findings: "Findings",
      emitters: "Silent emitters",
      witnesses: "Witnesses",
      storage: "Storage",
    },
    summary: {
      good: "Fine: every check that this browser can make passed. It can’t check the storage, and checks Live only while it runs.",
      attention: (names: string) => `Needs attention: ${names}.`,
      waiting: "Checking.",
      open: (names: string) => `Not checked, or only in part: ${names}.`,
    },
    actions: {
      "choose-trust-file": "Choose a trust file",
      "allow-memory": "Let it remember",
      "load-again": "Load again",
      "verify-whole": "Load the whole log",
      "begin-live": "Start the live view",
      "refresh-storage": "Ask again",
    },
    notChecked: (why: string) => `Not checked. ${why}`,
    noToken: "You need an access token.",
    noTrust: "You haven’t chosen a trust file.",
    untrusted: "Anyone could have made these events, because you don’t trust their signers’ keys.",
    nothingLoaded: "Nothing has been loaded.",
    failed: "Checking did not finish.",
    waiting: "Checking",
    log: {
      upTo: (size: string) => `Verified up to ${size}`,
      readUpTo: (size: string) => `Read up to ${size}`,
      newest: "the newest recorded at",
      at: "Checked at",
      noCheckpoint: "What was loaded contains no matching checkpoint.",
      added: (added: number) => `The log says that it has ${entries(added)} more since then.`,
    },
    alarms: {
      alarm: "Alarm",
      above: "The alarm at the top of the page says why, and what to save.",
      none: "No alarm. The log only grew since the last visit.",
      continues: (size: number) => `It still contains the ${entries(size)} that this device saw on`,
      notCompared: "Not checked",
      memoryOff: "This device doesn’t remember logs, so nothing could be compared.",
      first: "This device saw this log for the first time. Its next visit compares the log with this one.",
    },
    live: {
      off: "Not followed",
      stateAt: "The other cards show the log as it was at",
      waiting: "Waiting for the log’s first checkpoint",
    },
    findings: {
      off: "Detection is off.",
    },
    emitters: {
      none: "No emitter recorded anything in what was loaded.",
      silent: (silent: number, all: number) =>
        `${count(silent)} of ${emitters(all)} silent for longer than usual`,
      heard: (heard: number) => `${emitters(heard)} heard from as usual`,
      noRhythm: "Not checked. There are too few entries to tell what is usual.",
      unclear: (unclear: number) => `${emitters(unclear)} with too few entries to tell what is usual.`,
      absent: (absent: number) =>
        `${emitters(absent)} of your trust file recorded nothing in what was loaded.`,
      part: "Only emitters in your trust file or in the loaded entries are counted.",
      more: (more: string) => `and ${more} more`,
    },
    witnesses: {
      met: "Your quorum cosigned the newest checkpoint",
      unmet: "Too few witnesses cosigned the newest checkpoint",
      share: (valid: number, all: number) =>
        `Cosigned by ${count(valid)} of ${witnesses(all)} in your trust file.`,
      seen: (age: string) => `The quorum cosigned it ${age} ago`,
      none: "Not checked. Your trust file names no witness.",
      noneMeans: "Without witnesses, the log could show others a different history.",
      unknown: "Not checked",
    },
    storage: {
      healthy: "The log operator says: healthy. This can’t be checked here.",
      unhealthy: "The log operator says: not healthy",
      unknown: (why: string) => `Not known. ${why}`,
      unreadable: "The log’s answer can’t be read.",
      asking: "Asking the log",
      ofServer: "Only the log operator sees the storage of this log.",
      noBackup: "No backup is known.",
    },
  },

  tenants: {
    heading: "Tenants",
    about:
      "The tenants of this log server. Each has a complete log of its own, with a console that opens when you follow its name. Names, states, and sizes are what the log server says; the console of a log checks what is in it.",
    filter: "Name or ID",
    state: "State",
    anyState: "any",
    order: "Order",
    orders: { created: "oldest first", name: "by name", size: "largest first" },
    states: {
      live: "live",
      new: "waiting for its first tick",
      ended: "ended",
      moved: "moved",
      stopped: "stopped",
    },
    refresh: "Load again",
    loading: "Loading the tenants",
    name: "Name",
    size: "Entries",
    since: "Since tick",
    id: "ID",
    all: (all: number) => `${tenants(all)}.`,
    shown: (shown: number, all: number) => `${count(shown)} of ${tenants(all)}.`,
    incomplete: "The list is incomplete.",
    asked: "Loaded",
    unread: (unread: number) =>
      `${lines(unread)} of the list couldn’t be read, so tenants are missing here. The console may be older than the log server.`,
    none: "There is no tenant yet. Create one with countersign tenant add NAME.",
    noMatch: "No tenant matches.",
    more: (more: number) => `${count(more)} more. Enter part of a name to find them.`,
    needed: "You need a token for all tenant logs: countersign token add NAME --log all --right read,admin.",
    notAll:
      "This address is for all tenants. It needs a token with the rights read and admin for all logs. With a token for one log, open that log’s own address, which ends in /t/ID/.",
  },

  across: {
    heading: "Search all tenants",
    about:
      "Asks the log of each tenant in turn, and checks each answer in your browser, as the log’s own console does. Each log has a verdict of its own. Each log that is read records the search, and its tenant sees this, unless recording of reads is turned off on the log server.",
    query: "Search for",
    example: "actor:u_1 action:user.*",
    search: (logs: number) => `Search ${logsOf(logs)}`,
    cancel: "Cancel",
    whole: (entries: number) => `Load logs of up to ${count(entries)} entries whole, and search them here`,
    wholeHelp:
      "Slower, and complete: such a log can’t hide a match. Other logs search themselves, and their answers may lack events.",
    noTrust:
      "Without a trust file, this page can’t tell who signed these logs. Choose the trust file of the log server under “Access and trust”.",
    filtered: (shown: number, all: number) =>
      `Searches only ${count(shown)} of ${tenants(all)}: those that match the filter under “Tenants”.`,
    listIncomplete: "The list of tenants is incomplete, so the search doesn’t cover all of them.",
    progress: "Logs searched",
    looked: (looked: number, all: number) => `Looked at ${count(looked)} of ${logsOf(all)}.`,
    found: (events: number, logs: number) =>
      events === 0 ? "Found nothing." : `Found ${page.viewer.figures.events(events)} in ${logsOf(logs)}.`,
    unread: (unread: number) => `${logsOf(unread)} couldn’t be searched: the reasons are below.`,
    left: (left: number) => `${logsOf(left)} ${left === 1 ? "was" : "were"} not asked.`,
    ended: "The search was ended before all were asked.",
    resume: (logs: number) => `Search the rest (${logsOf(logs)})`,
    nothing: (logs: number) => `${logsOf(logs)} without a match.`,
    proven: "Each was verified whole.",
    unsure: (logs: number) =>
      `Of these, ${logsOf(logs)} ${logs === 1 ? "wasn’t" : "weren’t"} verified whole, so a match may be missing.`,
    matches: (events: number) => page.viewer.figures.events(events),
    cut: "or more: only the newest were requested",
    undecided: (withheld: number) =>
      `${counting(LANG, "withheld event", "withheld events")(withheld)} couldn’t be searched.`,
    moreEvents: (more: number) => `${count(more)} more in the log’s own console.`,
    more: (more: number) => `Show more (${logsOf(more)} left)`,
    noResult: "There is no result for this log.",
    events: "Matching events, newest first",
    time: "Time",
    action: "Action",
    actor: "Actor",
    target: "Target",
    outcome: "Outcome",
    entry: "Entry",
  },

  live: {
    heading: "Live view",
    about:
      "Events appear as the log publishes them, and are checked as they arrive. Each checkpoint must continue the one before. If the log’s history changes, every section of the console shows an alarm.",
    start: "Start",
    again: "Start again",
    since: (size: number) =>
      `This device last saw the log with ${entries(size)}, and checks that nothing has been rewritten since. That was on`,
    states: {
      connecting: "Connecting",
      following: "Following",
      ended: "Ended",
      lost: (seconds: number) => `Connection lost. Trying again in ${duration(seconds)}`,
      stopped: "Stopped",
      refused: "Refused",
      failed: "Failed",
    },
    goesOn: "The live view continues in the background.",
  },

  verified: {
    none: "Nothing has been loaded yet.",
    live: "Start the live view",
    waiting: "Checking. The result appears here.",
    source: "Entries from",
    sources: {
      search: "the loaded events",
      found: "the events that the log found",
      live: "the live view",
    },
    failed: "There is no result, because checking did not finish.",
  },

  /** The head of every section: the entries it covers, and the trust file. */
  head: {
    covers: "Covers",
    thisLog: "this log",
    log: "the log",
    of: "of",
    whole: (size: number) => (size === 1 ? "the only entry" : `all ${entries(size)}`),
    range: ({ first, last }: { first: string; last: string }) => `entries ${first} to ${last}`,
    between: ({ number, first, last }: { number: string; first: string; last: string }) =>
      `${number} between entry ${first} and entry ${last}`,
    asked: ({ from, to }: { from: string; to: string }) =>
      [from === "" ? "" : `from entry ${from}`, to === "" ? "" : `before entry ${to}`]
        .filter(Boolean)
        .join(" and "),
    allEvents: "all events",
    newest: (newest: number) => `the newest ${page.viewer.figures.events(newest)}`,
    newestEntries: "the newest entries",
    matching: "that match a search of the whole log:",
    recorded: (days: string) => `recorded ${days}`,
    followed: "followed live",
    since: "since",
    loaded: "loaded",
    trust: "Trust file:",
    ownKeys: "Trusted: only keys that you confirmed.",
    noTrust: "No trust file.",
  },

  ask: {
    heading: "Ask who did what",
    about:
      "Ask who did what and when. The answer comes only from events that your browser loaded and checked, says what it is based on, and can be saved as evidence, also if nothing was found.",
    notLive: "You can’t ask about the live view. Load entries first.",
    onlyPart: "Only part of the log is loaded here. To ask about all of it:",
    page: "The page in evidence files",
    pageAbout:
      "An evidence file begins with the auditor’s page, which verifies it when it is opened. This log serves a copy. If you don’t want to rely on the log operator for it, choose a copy from a source that you trust.",
    pageChosen: (name: string) => `Evidence files begin with ${name}.`,
    choosePage: "Choose a copy",
    notPage: "This isn’t the auditor’s page. Choose its single file, such as countersign-page.html.",
    /** Words for a log that is loaded here, in place of those for a file. */
    words: {
      about:
        "Days are in UTC; the first and the last day are included. Your search in the section Search doesn’t change.",
      changed: "The events have changed since this answer. Ask again to see the answer.",
      noneHere: "What is loaded here shows no events",
      all: ({ entries, seen, events }: { entries: string; seen: unknown; events: string }) =>
        html`All ${entries} of the log${seen === undefined ? " so far" : html` up to the checkpoint of ${seen}`} are loaded and verified here, and all ${events} among them were searched: this is all of them.`,
      searched: ({ entries, seen, events }: { entries: string; seen: unknown; events: string }) =>
        html`All ${entries} of the log${seen === undefined ? " so far" : html` up to the checkpoint of ${seen}`} are loaded and verified here, and all ${events} among them were searched.`,
      bounds: {
        searched: (events: string) => `${events} searched.`,
        part: ({ first, last }: { first: string; last: string }) =>
          `All entries ${first} to ${last} of the log are loaded here: this is all of them among these. There may be others before or after these entries.`,
        range: ({ first, last }: { first: string; last: string }) =>
          `Only entries ${first} to ${last} were searched: this is all of them among these.`,
        claimed:
          "No entry is missing from the part of the log that is loaded here: this is all of them in that part. There may be others before or after it.",
        revocable: "An entry that isn’t loaded here may revoke a key that signed some of these events.",
        chains:
          "The chains that are loaded here are complete: this is all of them in these chains. The log may have other chains.",
      },
      show: "Show them in Search",
      doubts: {
        verdict: "What is loaded here is not verified as a whole: see its verdict.",
        omitted: (omitted: number) =>
          `${entries(omitted)} of the log ${omitted === 1 ? "is" : "are"} not loaded here.`,
        part: ({ first, last }: { first: string; last: string }) =>
          `Only entries ${first} to ${last} of the log are loaded here. Nothing is missing between them; there may be others before or after.`,
        revocable: "An entry that isn’t loaded here may revoke a key that signed some of these events.",
        chains: "Only the chains that are loaded here are shown to be complete. The log may have others.",
        undetermined: "Nothing shows whether there were other entries before or after those loaded here.",
        later: (seen: unknown) =>
          html`What is loaded here shows the log up to ${seen}, but you asked about a later time too.`,
        undated: "Nothing shows up to which time the log is loaded here.",
      },
    },
  },

  findings: {
    heading: "Findings",
    about:
      "The findings of this page’s rules in the events that are loaded. They can be saved as evidence, also if no rule fired.",
    notLive: "Findings in the live view can’t be saved as evidence. Load entries first.",
    onlyPart: "Only part of the log is loaded here. To run the rules over all of it:",
    /** Words for a log that is loaded here, in place of those for a file. */
    words: {
      saveAbout:
        "One HTML file with the rules, their result for all loaded events, the trust file, and the auditor’s page. If no rule fired, it contains all these events, and its readers can run the rules again. Otherwise it contains the events that findings name, and that there are no other findings is your statement.",
    },
  },

  evidence: {
    heading: "Check an evidence file",
    about: html`Your browser checks the whole file, searches or runs the rules again, and shows nothing from a file that doesn’t verify. The file is sent nowhere. The log operator serves this console: for an independent check, use the auditor’s page from another source, or <code>countersign report --check</code>.`,
    choose: "Choose an evidence file",
    another: "Choose another evidence file",
    toSection: "Check a saved evidence file",
    close: "Close the file",
    notEvidence: (name: string) =>
      `${name} isn’t an evidence file. Choose an HTML file that was saved as evidence.`,
    noTrust: "Without a trust file, the file is checked with the keys that its author trusts.",
    otherLog: (origin: unknown) =>
      html`This file isn’t from the log that the console shows. It is from ${origin}.`,
    /** Words for the console, in place of those for the auditor’s page. */
    words: {
      own: "The page in the file is, byte for byte, the auditor’s page that this log serves or that you chose.",
      other: (sha256: unknown) =>
        html`The page in the file isn’t the auditor’s page that this log serves or that you chose: it is of another version, or it was altered. It wasn’t run. Its SHA-256 is ${sha256}.`,
      trust:
        "Checked with the trust file in it, which its author chose. If you have one from someone you trust, choose it under “Access and trust”.",
      ownTrust: "Its events are checked with the keys that you trust, not with the trust file in it.",
    },
    ownWords: { stopped: "Not checked. The reason is below." },
  },

  sessions: {
    heading: "Sessions and identities",
    about:
      "Sessions and identities that findings are about, highest score first. A name leads to the events, and a finding to the event that it is about.",
    scale: "Scale of the scores",
    scaleAbout:
      "A finding adds 1, 5, 20, 50, or 100 points, by its severity. Points halve every week. There is no maximum. Severity of a score:",
    band: (from: number, to: number | undefined) =>
      to === undefined ? `${count(from)} or more` : `${count(from)} to ${count(to)}`,
    sessionOf: (who: unknown) => html`Session of ${who}`,
    events: "show the events",
    sessions: "Sessions",
    identities: "Identities",
    subject: { sessions: "Session", identities: "Identity" },
    waiting: "The scores appear with the result.",
    noSessions: "The rules found nothing about a session.",
    noIdentities: "The rules found nothing about an identity.",
    soFar: "So far. The rules haven’t examined all events yet.",
    mayBeMore: "There may be more, because rules couldn’t examine everything. The section Findings says why.",
    score: "Score",
    findings: "Findings",
    worst: "Most serious",
    last: "Last",
    others: (count: string) => ` and ${count} more`,
    more: (count: string) => `${count} more, with lower scores.`,
  },

  /** Chosen files that couldn't be read. */
  unread: (names: string) => `This could not be read as text: ${names}`,

  inventory: {
    heading: "Endpoints that were called",
    about:
      "The endpoints of your APIs that were called according to the loaded events, by whom, and how they responded. Paths are grouped into templates that were inferred from the calls.",
    waiting: "The endpoints appear with the result.",
    description: "Compare with a description",
    descriptionAbout:
      "With an OpenAPI or Swagger file, JSON or YAML, you also see what is called and not described, deprecated and still called, or described and never called. The file isn’t sent anywhere.",
    choose: "Choose a description",
    another: "Choose another description",
    remove: "Remove",
    none: (among: number) =>
      `No call was found in ${page.viewer.figures.events(among)}: none has http.method and http.path, and no parser finds a service’s operation in them.`,
    unparsed: ({ unparsed, events }: { unparsed: number; events: number }) =>
      `Events without a parser: ${count(unparsed)} of ${count(events)}. Calls that they record may be missing.`,
    noneAnswered: "No call was answered.",
    endpoints: counting(LANG, "endpoint", "endpoints"),
    summary: (made: number, by: number, among: number) =>
      `${calls(made)} by ${callers(by)}, in ${page.viewer.figures.events(among)}.`,
    complete: ([first, end]: readonly [number, number]) =>
      `All entries from ${count(first)} to ${count(end - 1)} were examined.`,
    partial: "Others may exist: only part of the log was loaded.",
    compared: (title: unknown, operations: number) =>
      html`Compared with ${title}, which describes ${counting(LANG, "operation", "operations")(operations)}.`,
    elsewhere: (paths: number) =>
      `The methods of ${counting(LANG, "path", "paths")(paths)} aren’t known, because they are in another file. Combine the description’s files into one first.`,
    alike: (operations: number) =>
      `${counting(LANG, "operation", "operations")(operations)} can’t be distinguished by their calls from another one with the same method and path (they differ only by a query, a fragment, or names of parameters), and count as one with it.`,
    leftOut: (left: number) => `${calls(left)} couldn’t be distinguished because of the memory limit.`,
    endpoint: "Endpoint",
    risk: "Risk",
    calls: "Calls",
    callers: "Callers",
    answers: "Answers",
    time: "Time, P50 and P95",
    latency: (half: number, most: number) => `${count(Math.round(half))} ms, ${count(Math.round(most))} ms`,
    notStated: "not stated",
    last: "Last call",
    events: "show the calls",
    callerEvents: "show the events",
    riskAbout:
      "The risk is the sum of the points listed with each endpoint: medium from 20, high from 40. A name leads to the calls.",
    nobody: "no caller named",
    others: (others: string) => `and ${others} more`,
    more: (left: string) => `${left} more are in the saved file.`,
    entry: "entry",
    outcomes: {
      success: "success",
      failure: "failure",
      denied: "denied",
      unknown: "unknown",
      "not-stated": "not stated",
    },
    unused: (unused: number) =>
      `${counting(LANG, "operation is", "operations are")(unused)} described and not called`,
    deprecated: "deprecated",
    probed: (probed: number) =>
      `${counting(LANG, "path was", "paths were")(probed)} requested, and refused or not found each time`,
    probedName: "Requested, and refused or not found",
    save: "Save as JSON",
    digest: "The same events give the same digest, also in countersign inventory:",
  },

  exposure: {
    heading: "Exposure in money",
    about:
      "The losses that scenarios you wrote may cause in a year: how often something threatens you, how much of it becomes a loss, and what a loss costs. The years are simulated here, and nothing is sent.",
    unfit: "Figures are available only for verified events.",
    scenarios: "Scenarios",
    scenariosAbout: html`Evaluated together. You provide the amounts, sources, and dates; there are no defaults. The scenarios are
      stored in this browser, also after you sign out, and sent nowhere. <code>countersign risk</code> uses the same files.`,
    notKept:
      "This browser doesn’t store the scenarios: they are too many, or its storage is off. Save them as YAML, or they are lost when you close this page.",
    create: "New scenario",
    exampleScenario: "Start from an example",
    choose: "Import YAML files",
    edit: "Edit",
    export: "Save as YAML",
    remove: "Remove",
    example: {
      title: "An unmonitored endpoint exposes records",
      note: "An example with invented numbers. Replace them and their sources with your own.",
      source: "Invented for this example",
      control: "New endpoints require an API description",
    },
    editor: {
      new: "New scenario",
      edit: "Edit",
      save: "Check and save",
      cancel: "Cancel",
      toText: "Edit as YAML",
      toForm: "Edit in the form",
      text: "Scenario as YAML. Saving in the form removes its comments",
      problems: (problems: number) =>
        `${counting(LANG, "problem", "problems")(problems)}. Nothing was saved.`,
      title: "Name",
      titleHint: "what happens, in a sentence",
      id: "ID",
      idHint: "such as exposed-endpoint",
      currency: "Currency",
      currencyHint: "such as EUR",
      note: "Description (optional)",
      about: {
        frequency: "How often something threatens you, from 0 to 100,000 times a year.",
        vulnerability: "The share of these events that becomes a loss, from 0 to 1: 0.2 is one in five.",
        loss: "The cost of one loss: investigation, repair, notifications, and support.",
        "secondary.probability":
          "The probability that authorities, customers, or courts react to a loss, from 0 to 1.",
        "secondary.loss": "The cost of that: fines, claims, and lost customers.",
      },
      secondary: "Others may react and cause a second loss",
      observed: "Observed threat events",
      observedAbout:
        "Findings and endpoints of this log that count as its threat events. They propose a frequency; the figures don’t change until you say so.",
      addObserved: "Add an observation",
      kind: "Kind",
      kinds: {
        endpoint: "endpoint with the flag",
        level: "finding of at least the severity",
        rule: "finding of the rule with the ID",
        tag: "finding with the tag",
      },
      value: "Value",
      choose: "choose one",
      controls: "Controls",
      controlsAbout: "Measures that could reduce the losses, with the inputs that they change.",
      addControl: "Add a control",
      control: (nth: number) => `Control ${count(nth)}`,
      controlTitle: "Name",
      changes: "It changes",
      hasCost: "It has a known annual cost",
      withControl: (name: string) => `${name}, with the control`,
      cost: "Annual cost of the control",
    },
    refused: "There are no figures until this is fixed:",
    line: (line: number) => `line ${count(line)}`,
    waiting: "Simulating",
    newer: "The log has grown since these years were simulated.",
    again: "Simulate with its newest root",
    together: (scenarios: number) => `${count(scenarios)} scenarios together`,
    independent:
      "They are simulated independently of each other: common causes that trigger several scenarios in one year aren’t included.",
    chart: "Chart of the probability that a year’s losses exceed an amount. The table has the numbers.",
    mean: ({ mean, currency }: { mean: string; currency: string }) => `${mean} ${currency} a year on average`,
    average: "Average",
    formula: (mean: string) => `by the formula ${mean}`,
    without: ({ share, most }: { share: string; most: string }) =>
      `${share} of the years lose nothing. The worst year loses ${most}.`,
    quantiles: "Percentile of the annual loss",
    exceeded: "Probability of losing at least this much in a year",
    inputs: "Inputs",
    input: "Input",
    low: "Low",
    mode: "Likeliest",
    high: "High",
    source: "Source",
    date: "As of",
    names: {
      frequency: "Threat events a year",
      vulnerability: "Share that becomes a loss",
      loss: "A loss",
      "secondary.probability": "Probability of a second loss",
      "secondary.loss": "A second loss",
    },
    controls: "Effect of controls",
    controlsAbout: (currency: string) =>
      `The same years, with and without each. Amounts a year, in ${currency}.`,
    control: "Control",
    all: "All of them",
    less: "Less lost",
    meanWith: "Average with it",
    cost: "Its cost",
    net: "Net",
    notSaid: "not stated",
    proposals: {
      heading: "What was observed",
      about:
        "Findings and endpoints of this log suggest how often something happens. The figures don’t change until you say so.",
      none: html`Nothing is proposed, because no scenario says what counts as one of its threat events. Add <code>observed</code> to it,
        for example <code>observed: [{endpoint: shadow}, {level: high}]</code>.`,
      short:
        "All entries were recorded in less than a day, which is too short to estimate a year. Enter when the events happened.",
      observed: ({
        observed,
        from,
        to,
        years,
      }: {
        observed: number;
        from: string;
        to: string;
        years: string;
      }) => `${observed === 0 ? "None" : count(observed)} observed from ${from} to ${to} (${years} years).`,
      others: "There may be others: not everything was searched.",
      kinds: (more: number) => `and ${counting(LANG, "more kind", "more kinds")(more)}`,
      now: "The scenario says",
      proposed: "Proposed",
      method:
        "The likeliest number is what was observed, divided by the years. Low and high are the exact 90% interval for the rate of a Poisson process (Garwood).",
      line: "To apply it, replace the frequency in the scenario’s file with this line:",
      byHand: "This file can’t be changed here. Insert the line yourself.",
      use: "Use it for these figures",
      save: "Save the scenario with it",
      trying: "These figures use proposed frequencies. Your files have not changed.",
      back: "Back to your files",
      effect: "Before and after",
      written: "As in your files",
      tried: "As proposed",
      span: "When the events happened",
      from: "From",
      to: "To, not included",
      propose: "Propose again",
      spanAbout:
        "Without dates, the time from the log’s first entry to its last counts. Enter dates if the events were imported.",
    },
    recompute: "Reproducible figures",
    byLog: "The simulation depends only on the log’s root and each scenario.",
    byNoLog:
      "The simulation depends only on each scenario, because the loaded events have no checkpoint and thus no root.",
    years: (years: number) => `${count(years)} years were simulated. Equal digests are equal figures:`,
    saveText: "Save as Markdown",
    saveChart: "Save the chart",
    file: html`To file it with the events: <code>countersign report EXPORT --trust TRUST --scenario FILE -o board.html</code>`,
  },

  coverage: {
    heading: "Coverage of the log",
    seen: "Claimed by the log, not verified",
    size: "Size",
    published: "Published",
    at: "Published at",
    here: "Loaded here",
    upTo: "Up to",
    upToNone: "no matching checkpoint",
    shown: "Events shown",
    withheld: "Withheld",
    why: { erased: "erased", redacted: "redacted", filtered: "filtered", unsaid: "no reason given" },
    whyHelp:
      "Why events are withheld is only the log’s claim. It is proven that there are events at these positions.",
    skipped: "Entries omitted",
    notes: "Key notes",
    checkpoints: "Checkpoints over time",
    checkpointsAbout:
      "A search ends with one checkpoint. The live view shows each one as it is published. Newest first.",
    table: {
      size: "Size",
      root: "Root hash",
      matches: "Matches",
      log: "The log’s signature",
      witnesses: "Cosignatures",
      time: "Seen at",
    },
    more: (more: number) => `${count(more)} older ones not listed.`,
    noCheckpoints: "What was loaded contains no checkpoint.",
    yes: "yes",
    no: "no",
    unchecked: "not checked",
    another: "This address used to serve another log",
    anotherWhy: (origins: unknown) =>
      html`This device remembers ${origins} at this address. A log that changes its name can’t be compared with what was remembered, so find out why it did.`,
  },

  keys: {
    heading: "Keys",
    about:
      "Who signed the loaded events, why they are trusted, and which keys the log’s key notes grant or revoke.",
    notes: "Key notes",
    noNotes: "What was loaded contains no key notes.",
    more: (more: number) => `${count(more)} more not listed.`,
  },

  emitters: {
    heading: "Last seen",
    about:
      "When each emitter’s newest loaded entry was recorded, by its own clock. An emitter is called silent when it has recorded nothing for five times as long as usual, and for at least five minutes.",
    name: "Emitter",
    last: "Last entry",
    usual: "Usually",
    state: "Now",
    every: (time: string) => `about every ${time}`,
    often: "more than once a second",
    few: "too few entries to tell",
    silent: (time: string) => `silent for ${time}`,
    heard: (time: string) => `${time} ago`,
    events: "show the events that it signed",
  },

  records: {
    erasures: "Erasures",
    erasuresAbout: "Events whose content was erased. Each erasure is itself an entry of the log.",
    noErasures: "Nothing has been erased.",
    entry: "Entry",
    show: "load it from the log",
    at: "Requested at",
    events: "Events",
    state: "State",
    evidence: "Evidence of forks",
    evidenceAbout:
      "Forks that the log refused (two entries for one place in a chain), and the reason why it stopped, if it did. You need a token with the right “admin”.",
    noEvidence: "None. The log says that it has refused no forks.",
    kept: (kept: number) =>
      `${count(kept)} kept. Save them, and compare them with others who follow this log.`,
    save: "Save the evidence",
    reads: "Who read what",
    readsAbout:
      "If the log records reads, each read is an event in the log’s own chain, with the token’s name and the request.",
    readsSearch: "Search for the log’s own events",
  },

  witnesses: {
    heading: "Witnesses",
    about:
      "A witness signs a checkpoint only if it continues the ones it signed before. When enough witnesses have signed the newest checkpoint, the log shows everyone the same history.",
    quorum: "Your quorum",
    met: "Met at the newest checkpoint",
    unmet: "Not met",
    unknown: "Not checked",
    notNeeded: "Not needed",
    noTrust:
      "Your trust file says which witnesses count (its witness, group and quorum lines). You haven’t added one.",
    existed: "existed by",
    seen: "seen at",
    yours: "Witnesses of your trust file",
    noneYours: "Your trust file names no witness.",
    cosigned: (valid: number) => cosignatures(valid),
    invalid: (invalid: number) => `${count(invalid)} invalid`,
    never: "no cosignature in what was loaded",
    last: "last at",
    others: "Other signatures on checkpoints",
    othersAbout:
      "Your trust file doesn’t name these keys, so their signatures were not checked and prove nothing.",
    signed: (times: number) => `on ${counting(LANG, "checkpoint", "checkpoints")(times)}`,
    log: "Claimed by the log",
    noneHeard: "no witness responded, so only the log itself vouches for its newest checkpoint",
    healthy: (met: boolean): string =>
      met
        ? "it says that all the witnesses it needs have seen the newest checkpoint"
        : "it says that some of the witnesses it needs have not seen the newest checkpoint",
  },

  storage: {
    heading: "Storage",
    about: "What the log says about itself at /healthz and /metrics. None of it is signed.",
    word: "Not verified: the operator’s claim",
    refresh: "Refresh",
    asked: "Asked at",
    health: "Health",
    healthy: "healthy",
    unhealthy: "not healthy",
    unreadable: "The response of /healthz can’t be read.",
    origin: "Origin",
    size: "Entries stored",
    published: "Entries published",
    publishedAt: "Published at",
    waiting: "Not yet published",
    witnessed: "Seen by all the witnesses it needs",
    noWitness: "no witness responded",
    clock: "Clock",
    clocks: {
      agrees: "agrees with the witnesses’ clocks",
      ahead: "ahead of the witnesses’ clocks",
      behind: "behind the witnesses’ clocks",
      jumped: "jumped, and isn’t believed",
      implausible: "far from the newest time that the log knows",
      behind_last_tick: "behind the last tick",
      unknown: "no witness responded",
    },
    unfinished: "Erasures in progress",
    parts: {
      disk: "Disk",
      data: "Stored data",
      bucket: "Object store",
      clock: "Clock",
      witnesses: "Witnesses",
      journal: "Journal",
      signing: "Signing",
      erasing: "Erasing",
      control_files: "Control files",
      tenants: "Tenant logs",
      server: "Server",
      other: "Other",
    },
    problemsWith: (parts: string) => `Problems with: ${parts}.`,
    kept: {
      heading: "Disk, backups and checks",
      kind: "Stored in",
      kinds: {
        folder: "a folder on the server",
        bucket: "an object store, with an index in a folder on the server",
        object: "a Durable Object",
      },
      room: "Disk space",
      free: ({ free, total }: { free: string; total: string }) => `${free} free of ${total}`,
      least: "Below 64 MiB the log says that it isn’t healthy.",
      byPlatform: "managed by the platform",
      backup: "Last backup",
      since: (since: number) => `${entries(since)} added since.`,
      noBackup: "none known. The log knows only of backups made with countersign backup.",
      backupOfBucket: "none known. What to back up is the object store, not this server’s folder.",
      backupOfObject: "managed by the platform",
      check: "Self-check",
      whole: "no problems found",
      problems: (problems: number) => counting(LANG, "problem found", "problems found")(problems),
      firstCheck: "not finished yet",
      pace: (percent: number, within: string) =>
        `${percent}% of the current check is done. It reads the whole log every ${within}.`,
      checkOff: "turned off",
      noCheck: "none: a Durable Object doesn’t check itself",
      index: "Search index",
      indexed: (indexed: number, size: number) =>
        indexed >= size
          ? "complete"
          : `${count(indexed)} of ${entries(size)}. The others are searched one by one.`,
      indexDamaged: "damaged in part, and being rebuilt. Searches are slower until then, but still correct.",
      indexOff: "none, so searches examine every event",
      noIndex: "none: a Durable Object’s searches examine every event",
      witnesses: "Witnesses that responded",
      skews: "Seconds by which the log’s clock is ahead of each.",
    },
    yes: "yes",
    no: "no",
    unknown: "not known",
    since: "Since the server started",
    taken: "Entries accepted",
    commits: "Commits to disk",
    failed: "Failed commits",
    commit: "Average time of a commit",
    erased: "Events erased",
    submissions: "Submissions answered",
    witnessFailures: "Failed requests for cosignatures",
    all: "All metrics",
    name: "Name",
    labels: "Labels",
    value: "Value",
    ignored: (ignored: number) => `${lines(ignored)} couldn’t be parsed and aren’t shown.`,
    noMetrics: "There are no metrics.",
  },
};

/** Texts of the console. A language that lacks one doesn't compile. */
export type ConsoleTexts = typeof en;
