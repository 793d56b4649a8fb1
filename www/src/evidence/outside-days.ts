import type { EventIndex } from "@countersign/ui/index/types.js";
import { icon } from "@countersign/ui/viewer/parts/icons.js";
import { html, nothing, type TemplateResult } from "lit";
import type { PageTexts } from "../texts/en.ts";
import { searchEntries } from "./entry-search.ts";
import type { TimeBasis } from "./question.ts";
import { CONDITION } from "./question-terms.ts";

/** The events that a question leaves out because of its days. */
export type OutsideDays =
  | {
      readonly is: "counted";
      /** The time that the question is about. */
      readonly basis: TimeBasis;
      /** Number of events that match by their other time; undefined if not counted. */
      readonly otherTime: number | undefined;
      /** If nothing was found on the days: number of events on any day. */
      readonly anyDay: number;
    }
  /** The query combines its times with other conditions in a way that this page can't take apart. */
  | { readonly is: "unclear" }
  /** The other events aren't in the file. */
  | { readonly is: "elsewhere" };

/** The queries for the events that a query leaves out because of its conditions on times. */
export interface OutsideQueries {
  readonly basis: TimeBasis;
  /** Query for the events that match by their other time only. */
  readonly otherTime: string;
  /** The query without its conditions on times; empty if it has no others. */
  readonly anyDay: string;
}

/** Fields of times that events state, and those of their recording (docs/query.md). */
const RECORDED: ReadonlyMap<string, string> = new Map([
  ["since", "recorded-since"],
  ["until", "recorded-until"],
  ["time", "recorded"],
]);
const STATED: ReadonlyMap<string, string> = new Map(
  [...RECORDED].map(([stated, recorded]) => [recorded, stated]),
);
/** Matches a condition on a time other than `time:unclear`, or a string, which may contain anything. */
const TIME_OR_STRING =
  /(?<![\w.])(?<![\w.]-)(?!time[:=]unclear(?![^\s)]))(?:time|since|until|recorded(?:-since|-until)?)[:=<>]|(?<![^\s(])-\d+[smhdw](?![^\s)])|"(?:[^"\\]|\\.)*"/gi;

/**
 * Returns the queries for the events that a query leaves out because of its times; undefined if it has no condition on a
 * time, and `unclear` if it can't be taken apart.
 */
export function outsideQueries(query: string): OutsideQueries | "unclear" | undefined {
  const hasTimes = (query.match(TIME_OR_STRING) ?? []).some((found) => !found.startsWith('"'));
  if (!hasTimes) return undefined;
  const conditions: { readonly text: string; readonly other: string | undefined; readonly field: string }[] =
    [];
  let rest = query.trim();
  while (rest !== "") {
    const [all, field = ""] = CONDITION.exec(rest) ?? [];
    if (all === undefined) return "unclear";
    const text = all.trim();
    const isUnclear = /^-?time[:=]unclear$/i.test(text);
    const other = isUnclear ? undefined : (RECORDED.get(field) ?? STATED.get(field));
    const denied = field.startsWith("-") ? field.slice(1) : "";
    if (!isUnclear && (RECORDED.has(denied) || STATED.has(denied))) return "unclear";
    conditions.push({ text, other: other && `${other}${text.slice(field.length)}`, field });
    rest = rest.slice(all.length);
  }
  const times = conditions.filter(({ other }) => other !== undefined);
  const isRecorded = times.every(({ field }) => STATED.has(field));
  if (!isRecorded && times.some(({ field }) => STATED.has(field))) return "unclear";
  const asked = times.map(({ text }) => text).join(" ");
  const swapped = conditions.map(({ text, other }) => other ?? text).join(" ");
  return {
    basis: isRecorded ? "recorded" : "happened",
    otherTime: `${swapped} -${times.length === 1 ? asked : `(${asked})`}`,
    anyDay: conditions
      .filter(({ other }) => other === undefined)
      .map(({ text }) => text)
      .join(" "),
  };
}

/** Counts the events that a query leaves out because of its days, beside the current query of the index. */
export async function countOutsideDays(
  query: string,
  found: number,
  index: Pick<EventIndex, "count">,
): Promise<OutsideDays | undefined> {
  const queries = outsideQueries(query);
  if (queries === undefined) return undefined;
  if (queries === "unclear") return { is: "unclear" };
  const { basis, otherTime, anyDay } = queries;
  const isNone = found === 0 && anyDay !== "";
  return {
    is: "counted",
    basis,
    otherTime: await index.count(otherTime),
    anyDay: isNone ? ((await index.count(anyDay)) ?? 0) : 0,
  };
}

/** The search of an evidence file. */
interface FiledSearch {
  readonly query: string;
  /** Number of events that it found. */
  readonly found: number;
  /** True if the file contains everything that was searched. */
  readonly isContained: boolean;
  /** Time from which relative times in the query count, in milliseconds since 1970. */
  readonly at: number;
  readonly range: readonly [number, number] | null;
}

/** Counts the events that the query of an evidence file leaves out. Replaces the current query of the index. */
export async function readOutsideDays(
  { query, found, isContained, at, range }: FiledSearch,
  index: Pick<EventIndex, "ask" | "indexes">,
): Promise<OutsideDays | undefined> {
  const queries = outsideQueries(query);
  if (queries === undefined) return undefined;
  if (!isContained) return { is: "elsewhere" };
  if (queries === "unclear") return { is: "unclear" };
  const count = async (text: string) => {
    const { entries } = await searchEntries(index, text, at);
    return range === null
      ? entries.length
      : entries.filter((entry) => entry >= range[0] && entry < range[1]).length;
  };
  const { basis, otherTime, anyDay } = queries;
  return {
    is: "counted",
    basis,
    otherTime: await count(otherTime),
    anyDay: found === 0 && anyDay !== "" ? await count(anyDay) : 0,
  };
}

/** Asks a question again by its other time, or without its days. */
export interface DayQuestions {
  readonly byTime: (basis: TimeBasis) => void;
  readonly withoutDays: () => void;
}

/** Renders the events that an answer leaves out because of its days, with buttons that ask about them if `ask` is given. */
export function outsideDaysView(
  outside: OutsideDays | undefined,
  { evidence: { ask: t } }: PageTexts,
  ask?: DayQuestions,
): TemplateResult | typeof nothing {
  if (outside === undefined) return nothing;
  if (outside.is !== "counted") {
    const words = t.otherTime[outside.is];
    return html`<p class="basis tone-doubt" data-other-time=${outside.is}>${icon("warning")}<span>${words}</span></p>`;
  }
  const { basis, otherTime, anyDay } = outside;
  const other = basis === "happened" ? "recorded" : "happened";
  const button = (words: string, press: () => void) =>
    ask === undefined
      ? nothing
      : html` <button type="button" class="quiet" @click=${press}>${words}</button>`;
  return html`
    ${
      otherTime === 0
        ? nothing
        : html`
          <p class="ask-more" data-other-time=${otherTime ?? "unknown"}>
            <span>${otherTime === undefined ? t.otherTime.unknown : t.otherTime[other](otherTime)}</span>${button(t.otherTime.ask[other], () => ask?.byTime(other))}
          </p>`
    }
    ${
      anyDay === 0
        ? nothing
        : html`
          <p class="ask-more" data-any-day=${anyDay}>
            <span>${t.anyDay(anyDay)}</span>${button(t.askAnyDay, () => ask?.withoutDays())}
          </p>`
    }
  `;
}
