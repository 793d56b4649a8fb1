import type { State } from "../state.ts";

const WAITING = "Before there is a verdict";
const VERDICTS = "Verdicts";
const LOOKING = "Looking at events";
const EVENT = "One event";
const LIVE = "Live";
const AROUND = "Where it stands";

/** The states of `<countersign-viewer>`. Each finding has one of its own beside these. */
export const STATES = {
  empty: { group: WAITING, title: "Empty", says: "Nothing was given to it yet." },
  loading: { group: WAITING, title: "Loading", says: "The address was asked, and has not answered." },
  verifying: {
    group: WAITING,
    title: "Verifying",
    says: "A third of a file is read. What verified so far can be looked at.",
  },
  fed: { group: WAITING, title: "Fed by a script", says: "Nobody knows how much is to come." },
  "first-failure": {
    group: WAITING,
    title: "First failure",
    says: "It is still read, and the first error is there at once.",
  },
  cancelled: {
    group: WAITING,
    title: "Cancelled",
    says: "It was not read to its end, so nothing is said of it.",
  },
  "failed-trust": {
    group: WAITING,
    title: "Unusable trust file",
    says: "No verdict, and which line is the matter.",
  },
  "failed-source": { group: WAITING, title: "Refused", says: "The server wants a login." },
  unreachable: { group: WAITING, title: "Unreachable", says: "The address cannot be had at all." },

  verified: { group: VERDICTS, title: "Verified", says: "Of a log: complete for a range of its leaves." },
  "verified-chains": {
    group: VERDICTS,
    title: "Verified, without a log",
    says: "Complete for the chains shown.",
  },
  partial: {
    group: VERDICTS,
    title: "Intact, not shown to be complete",
    says: "A part of a log, with gaps and withheld events.",
  },
  unconfirmed: {
    group: VERDICTS,
    title: "Signer not confirmed",
    says: "No key here is one that the reader trusts.",
  },
  "not-checked": { group: VERDICTS, title: "Not checked to the end", says: "A needed check had no answer." },
  broken: { group: VERDICTS, title: "Broken", says: "Two links for one place." },
  altered: { group: VERDICTS, title: "Altered", says: "An event is not the one that was recorded." },
  "no-events": { group: VERDICTS, title: "No events", says: "An export that holds nothing but its header." },
  "no-export": { group: VERDICTS, title: "No export", says: "An empty file." },
  details: {
    group: VERDICTS,
    title: "Checks and findings",
    says: "Each check, what it covered, and why it had no answer.",
  },

  rows: { group: LOOKING, title: "Rows", says: "Facets, events over time, and the rows." },
  "rows-of-log": {
    group: LOOKING,
    title: "Gaps and withheld events",
    says: "What is not here has rows of its own.",
  },
  many: {
    group: LOOKING,
    title: "A million rows",
    says: "Recorded in the tab, verified while it is. `?events=` says how many.",
  },
  suggestions: { group: LOOKING, title: "Suggestions", says: "Values with their counts, while one writes." },
  problems: {
    group: LOOKING,
    title: "A search that makes no sense",
    says: "It says what, and goes on showing what was there.",
  },
  filtered: { group: LOOKING, title: "Filtered", says: "It says so, of how many, and how to show all." },
  "nothing-found": { group: LOOKING, title: "Nothing found", says: "No event fits." },
  table: {
    group: LOOKING,
    title: "Events over time as a table",
    says: "The same numbers for who cannot see the chart.",
  },
  columns: { group: LOOKING, title: "Columns", says: "Chosen, moved and added." },
  exporting: { group: LOOKING, title: "Export", says: "CSV, NDJSON or a slice that verifies again." },
  help: { group: LOOKING, title: "Help", says: "Keys, and how to search." },
  hostile: {
    group: LOOKING,
    title: "Events that try to be something else",
    says: "Markup, other writing directions and look-alikes are text.",
  },

  event: { group: EVENT, title: "An event", says: "In a sentence, with what it holds." },
  changes: { group: EVENT, title: "Before and after", says: "What changed, as a difference." },
  proof: {
    group: EVENT,
    title: "Its proof",
    says: "Each step from the event's bytes to what the reader trusts.",
  },
  "proof-suspect": {
    group: EVENT,
    title: "A proof that does not hold",
    says: "The signer's key was revoked.",
  },
  withheld: { group: EVENT, title: "A withheld event", says: "It was recorded, and is not here." },
  gap: { group: EVENT, title: "A gap", says: "Leaves that were left out." },
  "hostile-event": { group: EVENT, title: "A hostile event", says: "Unseen characters have names." },

  live: { group: LIVE, title: "Following", says: "Events are verified as they come." },
  "live-waiting": {
    group: LIVE,
    title: "Waiting for the first checkpoint",
    says: "Connected, and nothing is vouched for yet.",
  },
  "live-lost": { group: LIVE, title: "Connection lost", says: "It is tried again; what verified stays." },
  "live-stopped": { group: LIVE, title: "Stopped", says: "The reader stopped following." },
  alarm: {
    group: LIVE,
    title: "Alarm",
    says: "The log's history changed. It stays until the page is closed.",
  },

  german: { group: AROUND, title: "German", says: "All texts, numbers and dates." },
  "right-to-left": { group: AROUND, title: "Right to left", says: "Everything stands on the other side." },
  local: { group: AROUND, title: "Local time", says: "With its offset." },
  themed: {
    group: AROUND,
    title: "A site's own look",
    says: "Colours, corners and fonts through CSS variables.",
  },
  bare: { group: AROUND, title: "Bare", says: "Without its strip: something around it says the verdict." },
} as const satisfies Record<string, State>;

export type StateName = keyof typeof STATES;
