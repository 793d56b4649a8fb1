import type { TimeBasis } from "./question.ts";

/** A question that a query asks, as far as it can be said in a sentence. */
export interface QuestionTerms {
  /** Names and patterns, any of which may match; empty without a condition. */
  readonly who: readonly string[];
  readonly actions: readonly string[];
  readonly targets: readonly string[];
  /** First and last day, both included, in UTC; empty without a bound. */
  readonly from: string;
  readonly until: string;
  readonly basis: TimeBasis | undefined;
}

/** Matches a condition with its field and its values, and what follows it. */
const CONDITION =
  /^([a-z-]+):((?:"(?:[^"\\]|\\.)*"|[^\s",()])+(?:,(?:"(?:[^"\\]|\\.)*"|[^\s",()])+)*)(?:\s+|$)/;
const VALUE = /"(?:[^"\\]|\\.)*"|[^,"]+/g;
/** Matches a value without quotes that is compared as a text, with stars for any text. */
const PLAIN = /^[\p{L}\p{N}_*@][\p{L}\p{N}._*@+-]*$/u;
const DAY = /^\d{4}-\d{2}-\d{2}$/;
const UP_TO_DAY = /^\*\.\.(\d{4}-\d{2}-\d{2})$/;

/**
 * Returns the question that a query asks; undefined if it has a condition that the sentence couldn't say, so that no
 * sentence says less than the query does.
 */
export function parseQuestion(query: string): QuestionTerms | undefined {
  const found = new Map<string, string>();
  let rest = query.trim();
  while (rest !== "") {
    const [all, field = "", text = ""] = CONDITION.exec(rest) ?? [];
    if (all === undefined || found.has(field)) return undefined;
    found.set(field, text);
    rest = rest.slice(all.length);
  }
  const taken = (field: string) => {
    const text = found.get(field);
    found.delete(field);
    return text;
  };
  const [who, actions, targets] = ["actor", "action", "target"].map((field) => valuesOf(taken(field)));
  const isRecorded = found.has("recorded-since") || found.has("recorded");
  const [since, last] = isRecorded
    ? [taken("recorded-since"), taken("recorded")]
    : [taken("since"), taken("time")];
  const from = since === undefined ? "" : DAY.test(since) ? since : undefined;
  const until = last === undefined ? "" : UP_TO_DAY.exec(last)?.[1];
  const isSaid = who && actions && targets && from !== undefined && until !== undefined && found.size === 0;
  if (!isSaid || query.trim() === "") return undefined;
  const hasTime = from !== "" || until !== "";
  const basis = hasTime ? (isRecorded ? "recorded" : "happened") : undefined;
  return { who, actions, targets, from, until, basis };
}

/** Returns the values of a condition; undefined if one isn't compared as a text. */
function valuesOf(text: string | undefined): readonly string[] | undefined {
  if (text === undefined) return [];
  const values = text.match(VALUE) ?? [];
  // Anything between the values would be left unsaid.
  if (values.join(",") !== text) return undefined;
  const said = values.map((value) =>
    value.startsWith('"')
      ? value.slice(1, -1).replace(/\\(.)/g, "$1")
      : PLAIN.test(value) && !value.includes("..")
        ? value
        : undefined,
  );
  return said.every((value) => value !== undefined && value !== "") ? (said as string[]) : undefined;
}
