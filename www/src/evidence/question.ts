/** A question as an auditor asks it. */
export interface Question {
  readonly who: string;
  /** Days, as `2026-11-20`. Both are within. */
  readonly from: string;
  readonly until: string;
  /** Parted by commas. */
  readonly actions: string;
}

/** The query that asks it, in the language of docs/query.md. */
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

/** A star stands for anything, which one in quotes does not. */
function starred(text: string): string {
  return /^[\p{L}\p{N}._*-]+$/u.test(text) && !text.startsWith("-") ? text : quoted(text);
}
