import { GERMAN, PROOF, STOPPED, VERDICTS } from "../common.ts";
import type { Groups, NameIn } from "../state.ts";

/** The states of `<countersign-viewer>`, besides one for each finding. */
export const STATES = {
  "Before there is a verdict": {
    empty: ["Empty", "Nothing was given to it yet."],
    loading: ["Loading", "The address was asked, and has not answered."],
    verifying: ["Verifying", "A third of a file is read. What verified so far can be looked at."],
    fed: ["Fed by a script", "Nobody knows how much is to come."],
    ...STOPPED,
    "failed-source": ["Refused", "The server wants a login."],
    unreachable: ["Unreachable", "The address cannot be had at all."],
  },
  Verdicts: {
    ...VERDICTS,
    "verified-chains": ["Verified, without a log", "Complete for the chains shown."],
    "no-events": ["No events", "An export that holds nothing but its header."],
    details: ["Checks and findings", "Each check, what it covered, and why it had no answer."],
  },
  "Looking at events": {
    rows: ["Rows", "Facets, events over time, and the rows."],
    "rows-of-log": ["Gaps and withheld events", "What is not here has rows of its own."],
    many: ["A million rows", "Recorded in the tab, verified while it is. `?events=` says how many."],
    suggestions: ["Suggestions", "Values with their counts, while one writes."],
    problems: ["A search that makes no sense", "It says what, and goes on showing what was there."],
    filters: ["Filters beside the text", "A value and days, each a button that removes it."],
    "filters-german": ["Filters in German", "The same names as the values beside the rows have."],
    "export-refused": ["Nothing to export", "The search is refused, and Export says why it does nothing."],
    filtered: ["Filtered", "It says so, of how many, and how to show all."],
    "nothing-found": ["Nothing found", "No event fits."],
    table: ["Events over time as a table", "The same numbers for who cannot see the chart."],
    columns: ["Columns", "Chosen, moved and added."],
    exporting: ["Export", "CSV, NDJSON or a slice that verifies again."],
    help: ["Help", "Keys, and how to search."],
    hostile: [
      "Events that try to be something else",
      "Markup, other writing directions and look-alikes are text.",
    ],
  },
  "One event": {
    event: ["An event", "In a sentence, with what it holds."],
    changes: ["Before and after", "What changed, as a difference."],
    ...PROOF,
    "proof-suspect": [
      "A proof without a trusted key",
      "The signer's key was revoked, and a thief may have signed.",
    ],
    withheld: ["A withheld event", "It was recorded, and is not here."],
    fold: ["What is left out together", "One row, and the way to each of them."],
    gap: ["A gap", "Leaves that were left out."],
    "hostile-event": ["A hostile event", "Unseen characters have names."],
  },
  Live: {
    live: ["Following", "Events are verified as they come."],
    "live-waiting": ["Waiting for the first checkpoint", "Connected, and nothing is vouched for yet."],
    "live-lost": ["Connection lost", "It is tried again; what verified stays."],
    "live-stopped": ["Stopped", "The reader stopped following."],
    alarm: ["Alarm", "The log's history changed. It stays until the page is closed."],
  },
  "Where it stands": {
    ...GERMAN,
    "right-to-left": ["Right to left", "Everything stands on the other side."],
    local: ["Local time", "With its offset."],
    themed: ["A site's own look", "Colours, corners and fonts through CSS variables."],
    bare: ["Bare", "Without its strip: something around it says the verdict."],
  },
} as const satisfies Groups;

export type StateName = NameIn<typeof STATES>;
