import type { EventRow } from "@countersign/ui/index/types.js";
import type { PageTexts } from "../texts/en.ts";
import type { Question } from "./question.ts";

/** Numbers of events by the UTC day that they state; an event that states no time has the day of its recording. */
export type StatedDays = ReadonlyMap<string, number>;

/** The times of a question, as typed or as parsed from its query. */
type AskedTimes = Pick<Question, "from" | "until"> & { readonly basis: Question["basis"] | undefined };

/** Adds the stated day of an event to the numbers. */
export function addDay(days: Map<string, number>, { happened, time }: EventRow): void {
  const stated = Date.parse(happened ?? time);
  const day = (Number.isNaN(stated) ? time : new Date(stated).toISOString()).slice(0, 10);
  days.set(day, (days.get(day) ?? 0) + 1);
}

/**
 * Returns in words how many of the events that were recorded in the days asked about state a time in these days; empty
 * if all do, or if the question isn't about the time of recording.
 */
export function statedWords(
  days: StatedDays,
  { from, until, basis }: AskedTimes,
  { evidence: { ask: t } }: PageTexts,
): string {
  if (basis !== "recorded" || (from === "" && until === "")) return "";
  let [events, within] = [0, 0];
  for (const [day, stated] of days) {
    events += stated;
    if ((from === "" || day >= from) && (until === "" || day <= until)) within += stated;
  }
  return within === events ? "" : t.statedWithin(within, events);
}
