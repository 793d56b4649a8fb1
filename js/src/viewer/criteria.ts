/**
 * Search criteria: the text that a reader types, and filters that are kept apart from it. What runs is all of them, joined
 * by AND. A filter is a condition in the query language, set by pressing a value or choosing a time.
 */

import type { Column, EventIndex, UnknownField } from "../index/types.js";

/** The text in the search box, trimmed, and the filters beside it. */
export interface Criteria {
  readonly text: string;
  readonly filters: readonly string[];
}

/** Edits queries; the index does. */
type Editor = Pick<EventIndex, "parts" | "toggled" | "within">;

/** Returns true if both ask for the same in the same way. */
export function isSameCriteria(one: Criteria, other: Criteria): boolean {
  return one.text === other.text && joined(one.filters) === joined(other.filters);
}

/** Returns the criteria as one query, for the index, other tools, and what is filed. Empty only if nothing is asked for. */
export function queryOf(criteria: Criteria): string {
  return segments(criteria)
    .map(({ source }) => source)
    .join(" ");
}

/** Adds a value of a column to the filters, or removes it from wherever it is asked for. */
export async function withToggled(
  editor: Editor,
  { text, filters }: Criteria,
  column: Column,
  value: string,
): Promise<Criteria> {
  const [typed = "", edited] = await Promise.all([
    editor.parts(text).then((parts) => parts?.join(" ")),
    editor.toggled(text, column, value),
  ]);
  // If the text says nothing of the column, the value would be a condition of its own at the end of it.
  const isNew = typed === "" || edited === text || edited.startsWith(`${typed} `);
  if (!isNew) {
    return { text: edited, filters };
  }
  return { text, filters: await filtersOf(editor, await editor.toggled(joined(filters), column, value), filters) };
}

/** Replaces the time in which events happened, which becomes a filter. Either end may be open. */
export async function withTime(
  editor: Editor,
  { text, filters }: Criteria,
  since: number | undefined,
  until: number | undefined,
): Promise<Criteria> {
  const [typed, rest, edited] = await Promise.all([
    editor.parts(text).then((parts) => parts?.join(" ")),
    editor.within(text, undefined, undefined),
    editor.within(joined(filters), since, until),
  ]);
  return { text: rest === typed ? text : rest, filters: await filtersOf(editor, edited, filters) };
}

/** Replaces a field that no event has, where `unknown` says that it stands in the query. */
export function withField(criteria: Criteria, { field, at }: UnknownField, near: string): Criteria {
  let begin = 0;
  const replaced = segments(criteria).map(({ part, source }) => {
    const place = source.indexOf(field, Math.max(0, at[0] - begin));
    const isHere = at[0] >= begin && at[1] <= begin + source.length && place >= 0;
    const inPart = place - source.indexOf(part);
    begin += source.length + 1;
    return isHere ? `${part.slice(0, inPart)}${near}${part.slice(inPart + field.length)}` : part;
  });
  const count = criteria.filters.length;
  return { filters: replaced.slice(0, count), text: replaced[count] ?? "" };
}

/** Each filter and the text, and how each stands in the query. */
function segments({ text, filters }: Criteria): { readonly part: string; readonly source: string }[] {
  const parts = [...filters, text].filter((part) => part !== "");
  return parts.map((part) => ({ part, source: parts.length > 1 ? grouped(part) : part }));
}

/** A part that other conditions can stand beside. Parentheses that it doesn't need change nothing. */
function grouped(part: string): string {
  return /\bOR\b/.test(part) ? `(${part})` : part;
}

/** A query's conditions as filters: each is one, but both ends of a time are one together. */
async function filtersOf(editor: Editor, query: string, before: readonly string[]): Promise<readonly string[]> {
  const parts = await editor.parts(query);
  if (parts === undefined) {
    return before;
  }
  const filters: string[] = [];
  for (const part of parts) {
    const last = filters.at(-1) ?? "";
    if (part.startsWith("until:") && /^since:\S+$/.test(last)) {
      filters[filters.length - 1] = `${last} ${part}`;
    } else {
      filters.push(part);
    }
  }
  return filters;
}

function joined(filters: readonly string[]): string {
  return queryOf({ text: "", filters });
}
