/** The differences between two states of an object. */

import { field } from "../own.js";

/** The differing fields of both states, as fields of an event. */
export interface Changed {
  /** Fields that were removed, or changed, with their old values. */
  before?: Record<string, unknown>;
  /** Fields that were added, or changed, with their new values. */
  after?: Record<string, unknown>;
}

/**
 * Maximum depth, with the object itself as level 1, and maximum number of compared values. An event can't
 * contain more.
 */
const MAX_DEPTH = 62;
const MAX_VALUES = 262_144;

/** Represents a missing field. */
const ABSENT = Symbol("absent");

/**
 * Compares two states of an object and returns only the fields that differ, at any depth. Returns an empty object if
 * none do.
 *
 * Objects are compared field by field, everything else by its JSON value. An array that differs is returned whole in
 * both states. Pass `null` or `undefined` as `before` for a created object, and as `after` for a deleted one. Values
 * too deep or too large to compare count as different. Never throws: `record` rejects invalid values.
 *
 * @example
 * ```ts
 * audit.record({ action: "job.update", target, ...change(before, after) });
 * ```
 */
export function change(before: object | null | undefined, after: object | null | undefined): Changed {
  const [was, is] = differenceOf(before ?? ABSENT, after ?? ABSENT) ?? [ABSENT, ABSENT];
  return {
    ...(was === ABSENT ? {} : { before: was as Members }),
    ...(is === ABSENT ? {} : { after: is as Members }),
  };
}

function differenceOf(before: unknown, after: unknown): Difference | undefined {
  try {
    return new Comparison().difference(before, after, 1);
  } catch {
    // A field that throws when read does so again in `record`, which names it.
    return [before, after];
  }
}

type Difference = readonly [before: unknown, after: unknown];

class Comparison {
  #values = 0;

  /** Returns the differing parts of two values; undefined if they are equal. */
  difference(before: unknown, after: unknown, level: number): Difference | undefined {
    this.#values++;
    if (level > MAX_DEPTH || this.#values > MAX_VALUES) {
      return before === after ? undefined : [before, after];
    }
    const [was, is] = [jsonValue(before), jsonValue(after)];
    if (was === is || (Number.isNaN(was) && Number.isNaN(is))) {
      return undefined;
    }
    if (Array.isArray(was) && Array.isArray(is)) {
      return this.#areSame(was, is, level) ? undefined : [before, after];
    }
    return hasMembers(was) && hasMembers(is) ? this.#members(was, is, level) : [before, after];
  }

  #areSame(was: readonly unknown[], is: readonly unknown[], level: number): boolean {
    return was.length === is.length && was.every((one, at) => this.difference(one, is[at], level + 1) === undefined);
  }

  #members(was: Members, is: Members, level: number): Difference | undefined {
    // Fields may have any name, `__proto__` included.
    const [before, after]: [Members, Members] = [Object.create(null), Object.create(null)];
    for (const name of new Set([...Object.keys(was), ...Object.keys(is)])) {
      const differing = this.difference(memberOf(was, name), memberOf(is, name), level + 1);
      const [own, other] = differing ?? [ABSENT, ABSENT];
      if (own !== ABSENT) {
        before[name] = own;
      }
      if (other !== ABSENT) {
        after[name] = other;
      }
    }
    const [had, has] = [before, after].map((members) => Object.keys(members).length > 0);
    return had || has ? [had ? before : ABSENT, has ? after : ABSENT] : undefined;
  }
}

type Members = Record<string, unknown>;

/** Returns a value as JSON represents it: a Date becomes a string, and undefined is missing. */
function jsonValue(value: unknown): unknown {
  if (typeof value !== "object" || value === null) {
    return value === undefined ? ABSENT : value;
  }
  const toJSON = field(value, "toJSON");
  return typeof toJSON === "function" ? toJSON.call(value, "") : value;
}

/**
 * True for objects with fields to compare. Maps, buffers, and the like have none; the recorder rejects them by name.
 */
function hasMembers(value: unknown): value is Members {
  if (typeof value !== "object" || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) {
    return false;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Object.keys(value).length > 0;
}

function memberOf(members: Members, name: string): unknown {
  const value = Object.hasOwn(members, name) ? members[name] : undefined;
  return value === undefined ? ABSENT : value;
}
