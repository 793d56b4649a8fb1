import { parseQuestion, type QuestionTerms } from "./question-terms.ts";
import { withoutDomain } from "./similarity.ts";

/**
 * Returns a short label of what a query asks, for the name of a file, such as `maria.silva-2026-10`; empty if it can't be
 * said in a few words. The label isn't sanitized.
 */
export function questionLabel(query: string): string {
  const asked = parseQuestion(query);
  if (asked === undefined) return "";
  const [first] = [asked.who, asked.behalf, asked.targets, asked.actions].flat();
  return [first === undefined ? "" : withoutDomain(first.name), daysLabel(asked)]
    .filter((part) => part !== "")
    .join("-");
}

/** Returns the days of a question: one month or day alone if that is all, such as `2026-10`. */
function daysLabel({ from, until }: Pick<QuestionTerms, "from" | "until">): string {
  if (from === "") return until === "" ? "" : `until-${until}`;
  if (until === "") return `since-${from}`;
  if (from === until) return from;
  const [month, last] = [from.slice(0, 7), lastDayOf(from)];
  return from === `${month}-01` && until === last ? month : `${from}-to-${until}`;
}

/** Returns the last day of a day's month. */
function lastDayOf(day: string): string {
  const [year = 0, month = 1] = day.split("-").map(Number);
  return new Date(Date.UTC(year, month, 0)).toISOString().slice(0, 10);
}
