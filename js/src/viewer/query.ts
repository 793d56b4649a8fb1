/**
 * What is looked for is a line of text, and that line is the one place where it is kept: chips, the chart and the
 * address of a page edit it.
 */

import { exactly } from "../shelf/pattern.js";
import { formatQuery, type Problem, parseQuery } from "../shelf/query.js";
import type { Condition, Query } from "../shelf/types.js";
import { EARLIEST, LATEST } from "./format.js";

/** Problems beside which the rest is still what was meant. */
const HARMLESS: readonly Problem["code"][] = ["text.star", "quote.open"];

/** Whether a text can be asked. */
export function canAsk(text: string): boolean {
  return parseQuery(text).problems.every(({ code }) => HARMLESS.includes(code));
}

/** What a text asks. */
export function queryOf(text: string): Query {
  return parseQuery(text).query;
}

/** Whether anything is asked at all. */
export function isEmpty({ conditions, words, since, until }: Query): boolean {
  return conditions.length === 0 && words.length === 0 && since === undefined && until === undefined;
}

/** Whether no moment can be within the time asked for. */
export function hasNoTime({ since, until }: Query): boolean {
  return since !== undefined && until !== undefined && since >= until;
}

/** Whether a member is asked to be this, among others perhaps. */
export function has(text: string, member: string, value: string): boolean {
  const pattern = exactly(value);
  return queryOf(text).conditions.some((one) => isAsked(one, member) && one.values.includes(pattern));
}

/** The text with this value asked for, or no longer where it was. */
export function toggled(text: string, member: string, value: string): string {
  const query = queryOf(text);
  const pattern = exactly(value);
  const place = query.conditions.findIndex((one) => isAsked(one, member));
  const values = query.conditions[place]?.values ?? [];
  const left = values.includes(pattern) ? values.filter((one) => one !== pattern) : [...values, pattern];
  const condition = { member, values: left, not: false };
  const conditions = place === -1 ? [...query.conditions, condition] : query.conditions.with(place, condition);
  return formatQuery({ ...query, conditions: conditions.filter((one) => one.values.length > 0) });
}

/** The text with another time asked for. */
export function within(text: string, since: number | undefined, until: number | undefined): string {
  return formatQuery({
    ...queryOf(text),
    since: since !== undefined && since > EARLIEST ? since : undefined,
    until: until !== undefined && until <= LATEST ? until : undefined,
  });
}

function isAsked(condition: Condition, member: string): boolean {
  return condition.member === member && !condition.not;
}
