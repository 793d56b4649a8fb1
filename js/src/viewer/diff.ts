/** What is different between two values, member by member. */

import { type Json, written } from "./json-view.js";

/** How a member stands before and after. */
export type Change =
  | { readonly kind: "added"; readonly path: readonly string[]; readonly after: Json }
  | { readonly kind: "removed"; readonly path: readonly string[]; readonly before: Json }
  | { readonly kind: "changed"; readonly path: readonly string[]; readonly before: Json; readonly after: Json };

/** The differences, in the order of the members, and how many members are the same. */
export interface Difference {
  readonly changes: readonly Change[];
  readonly same: number;
}

/** Longer arrays are compared item by item at the same place. */
const LONGEST_MATCHED = 300;

/** Compares two values. Nothing and `null` are an object without members beside an object. */
export function difference(before: Json, after: Json): Difference {
  const changes: Change[] = [];
  let same = 0;
  compare(asObject(before, after), asObject(after, before), []);
  return { changes, same };

  function compare(one: Json, other: Json, path: readonly string[]): void {
    if (one.kind === "object" && other.kind === "object") {
      members(one.members, other.members, path);
    } else if (one.kind === "array" && other.kind === "array") {
      items(one.items, other.items, path);
    } else if (written(one) === written(other)) {
      same += 1;
    } else {
      changes.push({ kind: "changed", path, before: one, after: other });
    }
  }

  function members(one: Members, other: Members, path: readonly string[]): void {
    const left = byName(other);
    for (const [name, value] of one) {
      const match = left.get(name)?.shift();
      if (match === undefined) {
        changes.push({ kind: "removed", path: [...path, name], before: value });
      } else {
        compare(value, match, [...path, name]);
      }
    }
    // In the order of the members; what a name still has matched nothing.
    for (const [name, value] of other) {
      if (left.get(name)?.includes(value)) {
        changes.push({ kind: "added", path: [...path, name], after: value });
      }
    }
  }

  function items(one: readonly Json[], other: readonly Json[], path: readonly string[]): void {
    for (const [before, after] of aligned(one, other)) {
      const place = before?.[0] ?? after?.[0] ?? 0;
      const at = [...path, `[${place}]`];
      if (before !== undefined && after !== undefined) {
        compare(before[1], after[1], at);
      } else if (before !== undefined) {
        changes.push({ kind: "removed", path: at, before: before[1] });
      } else if (after !== undefined) {
        changes.push({ kind: "added", path: at, after: after[1] });
      }
    }
  }
}

type Members = Extract<Json, { kind: "object" }>["members"];
type Item = readonly [place: number, value: Json];

const EMPTY: Json = { kind: "object", members: [] };

function asObject(value: Json, beside: Json): Json {
  return beside.kind === "object" && value.kind === "literal" && value.source === "null" ? EMPTY : value;
}

/** A name can stand more than once; each is a member of its own. */
function byName(members: Members): Map<string, Json[]> {
  const found = new Map<string, Json[]>();
  for (const [name, value] of members) {
    const values = found.get(name);
    if (values === undefined) {
      found.set(name, [value]);
    } else {
      values.push(value);
    }
  }
  return found;
}

/** Pairs items: those that are the same by their longest common run, the others between them by their place. */
function aligned(one: readonly Json[], other: readonly Json[]): (readonly [Item | undefined, Item | undefined])[] {
  const pairs: (readonly [Item | undefined, Item | undefined])[] = [];
  let [left, right] = [0, 0];
  const upTo = (leftEnd: number, rightEnd: number) => {
    while (left < leftEnd || right < rightEnd) {
      const [before, after] = [one[left], other[right]];
      pairs.push([
        left < leftEnd && before !== undefined ? [left, before] : undefined,
        right < rightEnd && after !== undefined ? [right, after] : undefined,
      ]);
      left = Math.min(left + 1, leftEnd);
      right = Math.min(right + 1, rightEnd);
    }
  };
  for (const [leftMatch, rightMatch] of common(one, other)) {
    upTo(leftMatch, rightMatch);
    upTo(leftMatch + 1, rightMatch + 1);
  }
  upTo(one.length, other.length);
  return pairs;
}

/** The places of the longest common subsequence. */
function common(one: readonly Json[], other: readonly Json[]): (readonly [number, number])[] {
  if (one.length > LONGEST_MATCHED || other.length > LONGEST_MATCHED) {
    return [];
  }
  const [left, right] = [one.map(written), other.map(written)];
  const width = right.length + 1;
  const lengths = new Uint16Array((left.length + 1) * width);
  const at = (row: number, column: number) => lengths[row * width + column] ?? 0;
  for (let row = left.length - 1; row >= 0; row -= 1) {
    for (let column = right.length - 1; column >= 0; column -= 1) {
      lengths[row * width + column] =
        left[row] === right[column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const pairs: (readonly [number, number])[] = [];
  for (let row = 0, column = 0; row < left.length && column < right.length; ) {
    if (left[row] === right[column]) {
      pairs.push([row, column]);
      row += 1;
      column += 1;
    } else if (at(row + 1, column) >= at(row, column + 1)) {
      row += 1;
    } else {
      column += 1;
    }
  }
  return pairs;
}
