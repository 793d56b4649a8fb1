/** Differences between two JSON values, field by field. */

import { type Json, written } from "../parts/json-view.js";

/** A field before and after; undefined if it doesn't exist. */
export interface Change {
  readonly kind: "added" | "removed" | "changed";
  readonly path: readonly string[];
  readonly before: Json | undefined;
  readonly after: Json | undefined;
}

/** Longer arrays are compared position by position. */
const MAX_ALIGNED_ITEMS = 300;

/**
 * Returns the differences between two values in the order of their fields, and the number of equal fields. Compared
 * with an object, `null` counts as an object without fields.
 */
export function difference(before: Json, after: Json): { changes: readonly Change[]; same: number } {
  const changes: Change[] = [];
  let same = 0;
  compare(asObject(before, after), asObject(after, before), []);
  return { changes, same };

  function compare(before: Json | undefined, after: Json | undefined, path: readonly string[]): void {
    if (before?.kind === "object" && after?.kind === "object") {
      members(before.members, after.members, path);
    } else if (before?.kind === "array" && after?.kind === "array") {
      for (const [from, to] of aligned(before.items, after.items)) {
        compare(before.items[from], after.items[to], [...path, `[${from === NONE ? to : from}]`]);
      }
    } else if (before !== undefined && after !== undefined && written(before) === written(after)) {
      same += 1;
    } else {
      const kind = before === undefined ? "added" : after === undefined ? "removed" : "changed";
      changes.push({ kind, path, before, after });
    }
  }

  function members(one: Members, other: Members, path: readonly string[]): void {
    const left = byName(other);
    for (const [name, value] of one) {
      compare(value, left.get(name)?.shift(), [...path, name]);
    }
    // The remaining values of a name have no counterpart.
    for (const [name, value] of other) {
      if (left.get(name)?.includes(value)) {
        compare(undefined, value, [...path, name]);
      }
    }
  }
}

type Members = Extract<Json, { kind: "object" }>["members"];

const EMPTY: Json = { kind: "object", members: [] };

function asObject(value: Json, beside: Json): Json {
  return beside.kind === "object" && value.kind === "literal" && value.source === "null" ? EMPTY : value;
}

/** Groups values by name. A name may occur more than once. */
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

/** Position of a missing item. */
const NONE = -1;

/**
 * Pairs the items of two arrays: equal items by their longest common subsequence, the others between them by
 * position.
 */
function* aligned(one: readonly Json[], other: readonly Json[]): Generator<readonly [number, number]> {
  let [left, right] = [0, 0];
  for (const [leftMatch, rightMatch] of [...common(one, other), [one.length, other.length] as const]) {
    while (left < leftMatch || right < rightMatch) {
      yield [left < leftMatch ? left++ : NONE, right < rightMatch ? right++ : NONE];
    }
    if (leftMatch < one.length) {
      yield [left++, right++];
    }
  }
}

/** Yields the positions of the longest common subsequence. */
function* common(one: readonly Json[], other: readonly Json[]): Generator<readonly [number, number]> {
  if (one.length > MAX_ALIGNED_ITEMS || other.length > MAX_ALIGNED_ITEMS) {
    return;
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
  for (let row = 0, column = 0; row < left.length && column < right.length; ) {
    if (left[row] === right[column]) {
      yield [row, column];
      row += 1;
      column += 1;
    } else if (at(row + 1, column) >= at(row, column + 1)) {
      row += 1;
    } else {
      column += 1;
    }
  }
}
