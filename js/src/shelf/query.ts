/**
 * The language in which people ask: `action:job.* actor:u_1 outcome:failure,unknown "text" -target:cron_job:42
 * since:2026-01-01`.
 *
 * A member and its values are parted by a colon, values by commas; `-` before it turns it round. A star stands for any
 * characters. What holds spaces, commas or quotes is quoted; within quotes a star is a star, and `\` takes the meaning
 * from a quote or from itself. Anything else is text to be found. Times are days or RFC 3339, in UTC where they do not
 * say otherwise; `"since":` in quotes is an event's own member.
 */

import { readMoment, writeMoment } from "./moment.js";
import { patternOf, pieces } from "./pattern.js";
import { type Part, type Token, tokens } from "./tokens.js";
import type { Condition, Query } from "./types.js";

/** What of a query's text was not understood, and is as if it were not there. */
export interface Problem {
  /** Where in the text it begins, and ends. */
  readonly at: number;
  readonly end: number;
  readonly code: ProblemCode;
}

export type ProblemCode =
  /** A quote is not closed; it counts as closed at the end. */
  | "quote.open"
  /** A value is missing after the colon or a comma. */
  | "value.missing"
  /** A member's name is missing before the colon. */
  | "member.missing"
  /** It is no time. */
  | "time.invalid"
  /** A time cannot be turned round by `-`, nor be several. */
  | "time.simple"
  /** Such a time was given before; the first counts. */
  | "time.twice"
  /** A star has no meaning in text, but that of a star. It is looked for. */
  | "text.star"
  /** There is more than can be asked at once. */
  | "query.long";

/** A query, and what of its text is not in it. */
export interface ParsedQuery {
  readonly query: Query;
  readonly problems: readonly Problem[];
}

/** How many conditions, words and values of one condition are taken. */
export const MOST = 100;
/** How long text may be that is looked for, and a value: what repeats itself is looked for in such time again and again. */
export const LONGEST_WORD = 500;
export const LONGEST_VALUE = 5000;
/** How many characters are read. */
export const MOST_TEXT = 1 << 16;

/** What holds for all events. */
export const EVERYTHING: Query = { conditions: [], words: [], since: undefined, until: undefined };

const BOUNDS = ["since", "until"] as const;

/** Reads a query. What is wrong with it is told, and never thrown. */
export function parseQuery(text: string): ParsedQuery {
  const problems: Problem[] = [];
  const conditions: Condition[] = [];
  const words: string[] = [];
  const bounds: { since?: number; until?: number } = {};
  if (text.length > MOST_TEXT) {
    problems.push({ at: MOST_TEXT, end: text.length, code: "query.long" });
  }
  for (const token of tokens(text.slice(0, MOST_TEXT))) {
    const problem = (code: ProblemCode) => problems.push({ at: token.at, end: token.end, code });
    const read = readToken(token, problem);
    if (read === undefined) {
      continue;
    }
    if (conditions.length + words.length >= MOST) {
      problem("query.long");
    } else if (typeof read === "string") {
      words.push(read);
    } else if ("bound" in read) {
      if (bounds[read.bound] === undefined) {
        bounds[read.bound] = read.time;
      } else {
        problem("time.twice");
      }
    } else {
      conditions.push(read);
    }
  }
  return { query: { conditions, words, since: bounds.since, until: bounds.until }, problems };
}

/** Writes a query so that it reads as the same again. */
export function formatQuery({ conditions, words, since, until }: Query): string {
  const written = conditions.filter(({ values }) => values.length > 0).map(formatCondition);
  written.push(...words.filter((word) => word !== "").map(formatText));
  if (since !== undefined) {
    written.push(`since:${writeMoment(since)}`);
  }
  if (until !== undefined) {
    written.push(`until:${writeMoment(until)}`);
  }
  return written.join(" ");
}

/** Writes a condition, or what it is when a value is to follow. */
export function formatCondition({ member, values, not }: Condition): string {
  return `${not ? "-" : ""}${formatMember(member)}:${values.map(formatPattern).join(",")}`;
}

type Bound = { readonly bound: (typeof BOUNDS)[number]; readonly time: number };

function readToken(token: Token, problem: (code: ProblemCode) => void): Condition | Bound | string | undefined {
  if (token.isOpen) {
    problem("quote.open");
  }
  if (token.member === undefined) {
    const [parts = []] = token.values;
    if (parts.some(({ isStar }) => isStar)) {
      problem("text.star");
    }
    const text = textOf(parts);
    if (text.length > LONGEST_WORD) {
      problem("query.long");
      return undefined;
    }
    return text || undefined;
  }
  const member = textOf(token.member);
  if (member === "") {
    problem("member.missing");
    return undefined;
  }
  const given = token.values.filter((parts) => parts.length > 0);
  if (given.length < token.values.length) {
    problem("value.missing");
  }
  if (given.length === 0) {
    return undefined;
  }
  const isQuoted = token.member.some((part) => part.isQuoted);
  const bound = isQuoted ? undefined : BOUNDS.find((name) => name === member);
  if (bound !== undefined) {
    return readBound(bound, token, given, problem);
  }
  const values = given.map(patternFrom).filter((value) => value.length <= LONGEST_VALUE);
  if (values.length < given.length || values.length > MOST) {
    problem("query.long");
  }
  return values.length > 0 ? { member, values: values.slice(0, MOST), not: token.not } : undefined;
}

function readBound(
  bound: Bound["bound"],
  { not }: Token,
  [first = [], ...others]: readonly (readonly Part[])[],
  problem: (code: ProblemCode) => void,
): Bound | undefined {
  if (not || others.length > 0) {
    problem("time.simple");
    return undefined;
  }
  const time = readMoment(textOf(first));
  if (time === undefined) {
    problem("time.invalid");
    return undefined;
  }
  return { bound, time };
}

function textOf(parts: readonly Part[]): string {
  return parts.map(({ text }) => text).join("");
}

function patternFrom(parts: readonly Part[]): string {
  const texts = [""];
  for (const { text, isStar } of parts) {
    if (isStar) {
      texts.push("");
    } else {
      texts.push(texts.pop() + text);
    }
  }
  return patternOf(texts);
}

/** What needs no quotes. A star has a meaning of its own, and a `-` in front. */
const BARE = /^[\p{L}\p{N}_.@/+#~=][\p{L}\p{N}\p{M}_.@/+#~=-]*$/u;
const BARE_VALUE = /^[\p{L}\p{N}\p{M}_.@/+#~=:-]*$/u;

function formatMember(member: string): string {
  const isBound = BOUNDS.some((name) => name === member);
  return BARE.test(member) && !isBound ? member : quoted(member);
}

function formatText(text: string): string {
  return BARE.test(text) ? text : quoted(text);
}

function formatPattern(pattern: string): string {
  const texts = pieces(pattern);
  if (texts.length === 1 && texts[0] === "") {
    return '""';
  }
  return texts.map((text) => (BARE_VALUE.test(text) ? text : quoted(text))).join("*");
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}
