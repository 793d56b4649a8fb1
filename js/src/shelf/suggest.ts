import { exactly } from "./pattern.js";
import { formatCondition } from "./query.js";
import { COLUMNS } from "./table.js";
import { type Token, tokens } from "./tokens.js";
import type { Column, ColumnValue, Found } from "./types.js";

/** What could stand in a query where the caret is. */
export interface Suggestion {
  /** Whether it names a member, or is a value. */
  readonly kind: "member" | "value";
  /** What it is, as people read it. */
  readonly label: string;
  /** Of a value: its member, and how many events have it. */
  readonly member: string | undefined;
  readonly count: number | undefined;
  /** The text that takes the place of what stands from `at` to `end`, and where the caret then is. */
  readonly text: string;
  readonly at: number;
  readonly end: number;
  readonly caret: number;
}

/** Values that could stand where the caret is: of a column, or of any, with a text that they hold. */
export interface Wanted {
  readonly column: Column | undefined;
  readonly text: string;
}

/** What is being written where the caret is. */
interface Draft {
  readonly at: number;
  readonly end: number;
  /** Undefined where a member may begin. */
  readonly member: string | undefined;
  /** What of the condition stands before the value. */
  readonly before: string;
  readonly typed: string;
}

/** Members in the order in which they are suggested. */
const MEMBERS = ["action", "actor", "target", "outcome", "tenant", "since", "until", "signer", "chain"] as const;
const MOST = 12;

/** Which values to ask a shelf for; undefined where none could stand. */
export function wanted(text: string, caret: number): Wanted | undefined {
  const draft = draftAt(text, caret);
  if (draft === undefined || (draft.member === undefined && draft.typed === "")) {
    return undefined;
  }
  const column = COLUMNS.find((column) => column === draft.member);
  return draft.member === undefined || column !== undefined ? { column, text: draft.typed } : undefined;
}

/**
 * Suggests members and values for the text before the caret. `values` is what a shelf has of those that are wanted;
 * without it, the most frequent ones that were found.
 */
export function suggest(
  text: string,
  caret: number,
  found: Found | undefined,
  values?: readonly ColumnValue[],
): Suggestion[] {
  const draft = draftAt(text, caret);
  if (draft === undefined) {
    return [];
  }
  const known = wanted(text, caret) === undefined ? [] : (values ?? frequent(draft, found));
  const suggested =
    draft.member === undefined ? [...members(draft), ...known.map(whole(draft))] : known.map(part(draft));
  return suggested.slice(0, MOST);
}

function draftAt(text: string, caret: number): Draft | undefined {
  const token = tokens(text).find(({ at, end }) => at < caret && caret <= end);
  if (token?.member !== undefined && caret >= token.valueAt) {
    return valueDraft(text, caret, token, token.member);
  }
  if (token !== undefined && (token.isOpen || text.charAt(token.at) === '"')) {
    return undefined;
  }
  const at = token?.at ?? caret;
  const written = text.slice(at, caret);
  const before = written.startsWith("-") ? "-" : "";
  return { at, end: token?.end ?? caret, member: undefined, before, typed: written.slice(before.length) };
}

function valueDraft(text: string, caret: number, token: Token, member: NonNullable<Token["member"]>): Draft {
  return {
    at: token.at,
    end: token.end,
    member: member.map((part) => part.text).join(""),
    before: text.slice(token.at, token.valueAt),
    // Quotes that are being typed are no part of the value.
    typed: text.slice(token.valueAt, caret).replaceAll('"', ""),
  };
}

/** The most frequent values that were found and hold what was typed. */
function frequent({ member, typed }: Draft, found: Found | undefined): ColumnValue[] {
  const sought = typed.toLowerCase();
  const columns = COLUMNS.filter((column) => member === undefined || column === member);
  return columns.flatMap((column) =>
    (found?.facets[column].values ?? [])
      .filter(({ value }) => value.toLowerCase().includes(sought))
      .map((value) => ({ column, ...value })),
  );
}

function members(draft: Draft): Suggestion[] {
  const name = draft.typed.toLowerCase();
  return MEMBERS.filter((member) => member.startsWith(name)).map((member) => ({
    ...{ kind: "member", label: member, member: undefined, count: undefined },
    ...written(draft, `${draft.before}${member}:`),
  }));
}

/** A condition for a value. */
function whole(draft: Draft): (value: ColumnValue) => Suggestion {
  return ({ column, value, count }) => ({
    ...{ kind: "value", label: value, member: column, count },
    ...written(draft, formatCondition({ member: column, values: [exactly(value)], not: draft.before !== "" })),
  });
}

/** A value in the condition that is being written. */
function part(draft: Draft): (value: ColumnValue) => Suggestion {
  return ({ column, value, count }) => {
    const condition = formatCondition({ member: column, values: [exactly(value)], not: false });
    const prefix = formatCondition({ member: column, values: [], not: false });
    return {
      ...{ kind: "value", label: value, member: column, count },
      ...written(draft, draft.before + condition.slice(prefix.length)),
    };
  };
}

function written({ at, end }: Draft, text: string): Pick<Suggestion, "text" | "at" | "end" | "caret"> {
  return { text, at, end, caret: at + text.length };
}
