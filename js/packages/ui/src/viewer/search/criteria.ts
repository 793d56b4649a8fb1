/**
 * Search criteria: the text that a reader types, and separate filters. The query joins them by AND. A filter is a
 * condition in the query language, set by pressing a value or choosing a time.
 */

import type { Column, EventIndex, UnknownField } from "../../index/types.js";

/** The text in the search box, trimmed, and the separate filters. */
export interface Criteria {
  readonly text: string;
  readonly filters: readonly string[];
}

/** The index, which edits queries. */
type Editor = Pick<EventIndex, "parts" | "toggled" | "within">;

/** True if both are the same text and filters. */
export function isSameCriteria(a: Criteria, b: Criteria): boolean {
  return a.text === b.text && joined(a.filters) === joined(b.filters);
}

/**
 * Returns the criteria as one query, for the index, other tools, and reports. Empty only if there are no conditions.
 */
export function queryOf(criteria: Criteria): string {
  return segments(criteria)
    .map(({ source }) => source)
    .join(" ");
}

/**
 * Adds a value of a column to the filters, or edits the conditions that already select it, in the filters or the text.
 */
export async function withToggled(
  editor: Editor,
  { text, filters }: Criteria,
  column: Column,
  value: string,
): Promise<Criteria> {
  const toggle = async (part: string) => {
    const [base = [], edited] = await Promise.all([editor.parts(part), editor.toggled(part, column, value)]);
    const before = base.join(" ");
    // A condition on other columns got a second one, so it is left as it was.
    return edited === part || edited === before || edited.startsWith(`${before} `) ? part : edited;
  };
  const typed = await editedText(editor, text, toggle);
  const chosen = await Promise.all(filters.map(toggle));
  const isNew = typed === text && chosen.every((filter, place) => filter === filters[place]);
  const added = isNew ? [await editor.toggled("", column, value)] : [];
  return { text: typed, filters: [...chosen, ...added].filter((filter) => filter !== "") };
}

/** Replaces the time range of events by a filter. Either end may be open. */
export async function withTime(
  editor: Editor,
  { text, filters }: Criteria,
  since: number | undefined,
  until: number | undefined,
): Promise<Criteria> {
  // A condition on that time alone becomes empty.
  const without = async (part: string) => ((await editor.within(part, undefined, undefined)) === "" ? "" : part);
  const chosen = await Promise.all([...filters.map(without), editor.within("", since, until)]);
  return { text: await editedText(editor, text, without), filters: chosen.filter((filter) => filter !== "") };
}

/**
 * Edits each condition of a text separately, so that the others keep their meaning. An invalid text stays as it is.
 */
async function editedText(editor: Editor, text: string, edit: (part: string) => Promise<string>): Promise<string> {
  const parts = ((await editor.parts(text)) ?? []).map(grouped);
  const after = await Promise.all(parts.map(edit));
  const isSame = after.every((part, place) => part === parts[place]);
  return isSame ? text : after.filter((part) => part !== "").join(" ");
}

/** Replaces a field that no event has, at its position in the query. */
export function withField(criteria: Criteria, { field, at }: UnknownField, near: string): Criteria {
  let begin = 0;
  const replaced = segments(criteria).map(({ part, source }) => {
    const place = source.indexOf(field, Math.max(0, at[0] - begin));
    const containsField = at[0] >= begin && at[1] <= begin + source.length && place >= 0;
    const inPart = place - source.indexOf(part);
    begin += source.length + 1;
    return containsField ? `${part.slice(0, inPart)}${near}${part.slice(inPart + field.length)}` : part;
  });
  const count = criteria.filters.length;
  return { filters: replaced.slice(0, count), text: replaced[count] ?? "" };
}

/** Returns each filter and the text, and its form in the query. */
function segments({ text, filters }: Criteria): { readonly part: string; readonly source: string }[] {
  const parts = [...filters, text].filter((part) => part !== "");
  return parts.map((part) => ({ part, source: parts.length > 1 ? grouped(part) : part }));
}

/** Adds parentheses if other conditions can't follow directly. Superfluous ones are harmless. */
function grouped(part: string): string {
  return /\bOR\b/.test(part) ? `(${part})` : part;
}

function joined(filters: readonly string[]): string {
  return queryOf({ text: "", filters });
}
