import { GERMAN, PROOF, STOPPED, VERDICTS } from "../common.ts";
import type { Groups, NameIn } from "../state.ts";

/** The states of `<countersign-viewer>`, besides one for each finding. */
export const STATES = {
  "Before there is a verdict": {
    empty: ["Empty", "No source is set yet."],
    loading: ["Loading", "The address hasn't responded yet."],
    verifying: ["Verifying", "A third of a file was read. Events verified so far are shown."],
    fed: ["Fed by a script", "The total size is unknown."],
    ...STOPPED,
    "failed-source": ["Rejected", "The server requires a login."],
    unreachable: ["Unreachable", "The address can't be reached."],
  },
  Verdicts: {
    ...VERDICTS,
    "verified-chains": ["Verified, without a log", "Complete for the chains shown."],
    "verified-tenant": ["A customer's log", "Compared with its anchors."],
    "verified-growth": ["A customer's log, with a growth witness", "It only ever grew."],
    "unseen-revocation": ["A key granted in the log", "An entry outside the range may revoke it."],
    "no-events": ["No events", "An export that contains only its header."],
    details: ["Checks and problems", "Each check, its extent, and why it has no result."],
  },
  Events: {
    rows: ["Rows", "Facets, events over time, and the rows."],
    "rows-of-log": ["Gaps and withheld events", "Withheld and omitted entries have rows of their own."],
    many: ["A million rows", "Recorded in the tab and verified meanwhile. `?events=` sets the number."],
    suggestions: ["Suggestions", "Values with their counts, while typing."],
    problems: ["An invalid search", "The error, with the previous result."],
    filters: ["Filters beside the text", "A value and days, each a button that removes it."],
    "filters-german": ["Filters in German", "With the same names as the facets."],
    "export-refused": ["Nothing to export", "The search is invalid, and Export says why it is disabled."],
    filtered: ["Filtered", "The number of events, of how many, and a button for all."],
    "nothing-found": ["Nothing found", "No event matches."],
    table: ["Events over time as a table", "The numbers of the chart."],
    columns: ["Columns", "Chosen, moved, and added."],
    exporting: ["Export", "CSV, NDJSON, or a verifiable slice."],
    help: ["Help", "Keyboard shortcuts and search syntax."],
    hostile: ["Hostile events", "Markup, writing directions, and lookalikes are plain text."],
  },
  "One event": {
    event: ["An event", "Its summary and fields."],
    changes: ["Before and after", "Changes as a difference."],
    ...PROOF,
    "proof-suspect": [
      "A proof without a trusted key",
      "The signer's key was revoked, and a thief may have signed.",
    ],
    withheld: ["A withheld event", "Recorded, but not in this export."],
    fold: ["Withheld and omitted together", "One row that unfolds."],
    gap: ["A gap", "Omitted entries."],
    "hostile-event": ["A hostile event", "Invisible characters have names."],
  },
  Live: {
    live: ["Following", "Events are verified as they arrive."],
    "live-open-outside": [
      "Following, without events of a key granted in the log",
      "Verified, although an omitted entry may revoke that key.",
    ],
    "live-waiting": ["Waiting for the first checkpoint", "Connected, before the first checkpoint."],
    "live-lost": ["Connection lost", "The viewer retries; verified events stay."],
    "live-stopped": ["Stopped", "The reader stopped following."],
    alarm: ["Alarm", "The log's history changed. It stays until the page is closed."],
  },
  Environment: {
    ...GERMAN,
    "right-to-left": ["Right to left", "The layout is mirrored."],
    local: ["Local time", "With its offset."],
    themed: ["A site's own look", "Colors, corners, and fonts by CSS variables."],
    bare: ["Bare", "Without its strip, because the page shows the verdict."],
  },
} as const satisfies Groups;

export type StateName = NameIn<typeof STATES>;
