/** An auditor's question about events. */
export interface Question {
  readonly who: string;
  /** First and last day, such as `2026-11-20`, both included. */
  readonly from: string;
  readonly until: string;
  /** Names of actions, separated by commas. */
  readonly actions: string;
}

/** Returns the query for a question (docs/query.md). */
export function queryOf({ who, from, until, actions }: Question): string {
  const chosen = actions
    .split(",")
    .map((action) => action.trim())
    .filter((action) => action !== "");
  return [
    who.trim() === "" ? "" : `actor:${quoted(who.trim())}`,
    from === "" ? "" : `since:${from}`,
    until === "" ? "" : `time:*..${until}`,
    chosen.length === 0 ? "" : `action:${chosen.map(starred).join(",")}`,
  ]
    .filter((part) => part !== "")
    .join(" ");
}

function quoted(text: string): string {
  return `"${text.replace(/["\\*]/g, "\\$&")}"`;
}

/** Quotes a string unless it contains a wildcard, which must not be quoted. */
function starred(text: string): string {
  return /^[\p{L}\p{N}._*-]+$/u.test(text) && !text.startsWith("-") ? text : quoted(text);
}
