import { exactly } from "./pattern.js";
import { formatCondition } from "./query.js";
import { type Token, tokens } from "./tokens.js";
import type { Column, Found } from "./types.js";

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

/** Members in the order in which they are suggested. */
const MEMBERS = ["action", "actor", "target", "outcome", "tenant", "since", "until", "signer", "chain"] as const;
const MOST = 12;

/** Suggests members, and values that were found, for the text before the caret. */
export function suggest(text: string, caret: number, found: Found | undefined): Suggestion[] {
  const token = tokens(text).find(({ at, end }) => at < caret && caret <= end);
  if (token?.member !== undefined && caret >= token.valueAt) {
    return values(text, caret, token, found);
  }
  if (token !== undefined && (token.isOpen || text.charAt(token.at) === '"')) {
    return [];
  }
  const at = token?.at ?? caret;
  const end = token?.end ?? caret;
  const typed = text.slice(at, caret);
  const dash = typed.startsWith("-") ? "-" : "";
  const name = typed.slice(dash.length).toLowerCase();
  const replace = (kind: Suggestion["kind"], label: string, written: string, rest: Partial<Suggestion> = {}) => ({
    ...{ kind, label, member: undefined, count: undefined, ...rest },
    ...{ text: written, at, end, caret: at + written.length },
  });
  const suggested = MEMBERS.filter((member) => member.startsWith(name)).map((member) =>
    replace("member", member, `${dash}${member}:`),
  );
  if (name !== "") {
    for (const [column, { values }] of facets(found)) {
      for (const { value, count } of values.filter(({ value }) => value.toLowerCase().includes(name))) {
        const written = formatCondition({ member: column, values: [exactly(value)], not: dash !== "" });
        suggested.push(replace("value", value, written, { member: column, count }));
      }
    }
  }
  return suggested.slice(0, MOST);
}

function values(text: string, caret: number, token: Token, found: Found | undefined): Suggestion[] {
  const member = (token.member ?? []).map((part) => part.text).join("");
  const facet = facets(found).find(([column]) => column === member)?.[1];
  // Quotes that are being typed are no part of the value.
  const typed = text.slice(token.valueAt, caret).replaceAll('"', "").toLowerCase();
  const before = text.slice(token.at, token.valueAt);
  return (facet?.values ?? [])
    .filter(({ value }) => value.toLowerCase().includes(typed))
    .slice(0, MOST)
    .map(({ value, count }) => {
      const condition = formatCondition({ member, values: [exactly(value)], not: false });
      const written = before + condition.slice(formatCondition({ member, values: [], not: false }).length);
      return {
        ...{ kind: "value" as const, label: value, member, count },
        ...{ text: written, at: token.at, end: token.end, caret: token.at + written.length },
      };
    });
}

function facets(found: Found | undefined): [Column, Found["facets"][Column]][] {
  return found === undefined ? [] : (Object.entries(found.facets) as [Column, Found["facets"][Column]][]);
}
