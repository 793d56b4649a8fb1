/** What a shelf answers, found the slow way. */

import type { Column, Condition, Order, Query } from "../../dist/shelf/types.js";
import type { Leaf, Value } from "./made.ts";

export const COLUMNS = ["action", "actor", "target", "outcome", "tenant", "chain", "signer"] as const;
const LONGEST = 1024;

/** What is to be found. */
export interface Expected {
  readonly leaves: readonly Leaf[];
  readonly events: readonly Leaf[];
  readonly unknown: { readonly withheld: number; readonly gaps: number };
  readonly facets: Readonly<Record<Column, { readonly counts: ReadonlyMap<string, number>; readonly unkept: number }>>;
}

export function answer(log: readonly Leaf[], query: Query, order: Order): Expected {
  const events = log.filter((leaf) => leaf.kind === "event" && isFound(leaf, query));
  const ofLinks = query.conditions.every(({ member }) => member === "chain" || member === "signer");
  const words = query.words.filter((word) => word !== "");
  const linkQuery = { ...query, words: [], conditions: query.conditions.filter(({ member }) => isOfLink(member)) };
  const withheld = log.filter((leaf) => leaf.kind === "withheld" && isFound(leaf, linkQuery));
  const knowsWithheld = ofLinks && words.length === 0;
  const knowsGaps = query.conditions.length === 0 && words.length === 0;
  const gaps = log.filter((leaf, at) => leaf.kind === "gap" && liesWithin(log, at, query));
  const byPlace = (one: Leaf, other: Leaf) => one.line - other.line;
  const byTime = (one: Leaf, other: Leaf) => one.time - other.time || one.line - other.line;
  const rows = [...events, ...(knowsWithheld ? withheld : [])];
  const shownGaps = knowsGaps ? gaps : [];
  const directed = (leaves: Leaf[]) => (order.descending ? leaves.toReversed() : leaves);
  return {
    leaves:
      order.by === "place"
        ? directed([...rows, ...shownGaps].sort(byPlace))
        : [...directed(rows.sort(byTime)), ...directed(shownGaps)],
    events,
    unknown: { withheld: knowsWithheld ? 0 : withheld.length, gaps: knowsGaps ? 0 : gaps.length },
    facets: Object.fromEntries(COLUMNS.map((column) => [column, facet(column, log, query)])) as Expected["facets"],
  };
}

/** How an event ended, as it is read. */
export function outcomeOf(leaf: Leaf): string | undefined {
  return textsOf(leaf, "outcome")[0];
}

function isOfLink(member: string): boolean {
  return member === "chain" || member === "signer";
}

/** Whether the leaves next to a gap do not put it outside of the time asked for. */
function liesWithin(log: readonly Leaf[], at: number, { since, until }: Query): boolean {
  const timed = ({ kind }: Leaf) => kind === "event" || kind === "withheld";
  const before = log.slice(0, at).findLast(timed);
  const after = log.slice(at).find(timed);
  return (
    !(before && until !== undefined && before.time >= until) && !(after && since !== undefined && after.time < since)
  );
}

function isFound(leaf: Leaf, { conditions, words, since, until }: Query): boolean {
  return (
    conditions.every((condition) => holds(leaf, condition)) &&
    words.every((word) => like(word).test(leaf.event?.read ?? "")) &&
    leaf.time >= (since ?? Number.NEGATIVE_INFINITY) &&
    leaf.time < (until ?? Number.POSITIVE_INFINITY)
  );
}

function holds(leaf: Leaf, { member, values, not }: Condition): boolean {
  const texts = COLUMNS.some((column) => column === member)
    ? textsOf(leaf, member as Column)
    : at(leaf.event, member).flatMap(texted);
  return values.some((pattern) => texts.some((text) => fits(pattern, text))) !== not;
}

/** By the pattern's own words, as a regular expression. */
function fits(pattern: string, text: string): boolean {
  const source = Array.from(pattern.matchAll(/\\([\s\S])|(\*)|([\s\S])/gu), ([, escaped, star, letter]) =>
    star ? "[\\s\\S]*" : literally(escaped ?? letter ?? ""),
  );
  return new RegExp(`^(?:${source.join("")})$`, "iu").test(text);
}

function like(word: string): RegExp {
  return new RegExp(Array.from(word, literally).join(""), "iu");
}

function literally(letter: string): string {
  return `\\u{${letter.codePointAt(0)?.toString(16)}}`;
}

/** All that a pattern may fit. */
function textsOf(leaf: Leaf, column: Column): string[] {
  if (column === "chain") {
    return [leaf.chain];
  }
  if (column === "signer") {
    return [leaf.vkey, leaf.vkey.split("+")[0] ?? ""];
  }
  const value = get(leaf.event, column);
  if (column === "outcome" && value === undefined) {
    return ["not stated"];
  }
  if (value === undefined) {
    return [];
  }
  if (column !== "actor" && column !== "target") {
    return [plain(value)];
  }
  const { id, type, name } = party(value, column);
  return [id, ...(type === undefined ? [] : [`${type}:${id}`]), ...(name === undefined ? [] : [name])];
}

function party(value: Value, column: Column): { id: string; type: string | undefined; name: string | undefined } {
  const id = value.kind === "object" ? get(value, "id") : value;
  const name = get(value, "name");
  const type = get(value, "type");
  const named = name && plain(name);
  if (id === undefined) {
    return { id: value.written, type: undefined, name: named };
  }
  const byDefault = column === "actor" && id.kind === "string" ? "user" : undefined;
  return { id: plain(id), type: type === undefined ? byDefault : plain(type), name: named };
}

function facet(column: Column, log: readonly Leaf[], query: Query): Expected["facets"][Column] {
  const others = { ...query, conditions: query.conditions.filter(({ member }) => member !== column) };
  const counts = new Map<string, number>();
  let unkept = 0;
  for (const leaf of log.filter((leaf) => leaf.kind === "event" && isFound(leaf, others))) {
    const value = label(leaf, column);
    if (value === undefined) {
      continue;
    }
    if (new TextEncoder().encode(value.kept).length > LONGEST) {
      unkept += 1;
    } else {
      counts.set(value.label, (counts.get(value.label) ?? 0) + 1);
    }
  }
  return { counts, unkept };
}

function label(leaf: Leaf, column: Column): { label: string; kept: string } | undefined {
  const value = get(leaf.event, column);
  if ((column === "actor" || column === "target") && value !== undefined) {
    const { id, type } = party(value, column);
    const kept = type === undefined ? id : `${type}:${id}`;
    return { label: column === "actor" && type === "user" ? id : kept, kept };
  }
  const [first] = textsOf(leaf, column);
  return first === undefined ? undefined : { label: first, kept: first };
}

function get(value: Value | undefined, name: string): Value | undefined {
  return value?.kind === "object" ? value.members.find(([member]) => member === name)?.[1] : undefined;
}

function plain(value: Value): string {
  return value.kind === "string" ? value.text : value.written;
}

/** Values at a path, whose names may hold dots. */
function at(value: Value | undefined, path: string): Value[] {
  if (value?.kind === "array") {
    return value.items.flatMap((item) => at(item, path));
  }
  if (value?.kind !== "object") {
    return [];
  }
  return value.members.flatMap(([name, inner]) => {
    if (name === path) {
      return [inner];
    }
    return path.startsWith(`${name}.`) ? at(inner, path.slice(name.length + 1)) : [];
  });
}

/** A value's text, and those of its items. */
function texted(value: Value): string[] {
  return [plain(value), ...(value.kind === "array" ? value.items.flatMap(texted) : [])];
}
