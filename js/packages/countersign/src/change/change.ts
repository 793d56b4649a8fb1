/** Two states of a thing, and of each what differs from the other. */

import { field } from "../own.js";

/** What differs, as members of an event. */
export interface Changed {
  /** What is no more, or was otherwise. */
  before?: Record<string, unknown>;
  /** What is new, or otherwise now. */
  after?: Record<string, unknown>;
}

/** How deep is gone, itself the first level, and how many values are compared; an event has room for no more. */
const DEEPEST = 62;
const MOST = 262_144;

/** Stands for a member that is not there. */
const ABSENT = Symbol("absent");

/**
 * Gives of both states only the members that differ, at any depth; nothing, where none does.
 *
 *     audit.record({ action: "job.update", target, ...change(before, after) });
 *
 * Objects are compared member by member, and all else as it would be written as JSON. An array with a difference is
 * given as a whole in both: a place in it says nothing without the others. What was made has no state before, and what
 * was deleted none after: `null` or `undefined` stands for that. What is too deep or too large to be compared counts as
 * different. It throws nothing: what is no state of a thing, `record` refuses.
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
    // What throws when it is read does so again when it is recorded, and is named then.
    return [before, after];
  }
}

type Difference = readonly [before: unknown, after: unknown];

class Comparison {
  #values = 0;

  /** What differs of two values, each without what is the same in both; nothing where they are the same. */
  difference(before: unknown, after: unknown, level: number): Difference | undefined {
    this.#values++;
    if (level > DEEPEST || this.#values > MOST) {
      return before === after ? undefined : [before, after];
    }
    const [was, is] = [written(before), written(after)];
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
    // A member of any name is one, `__proto__` too.
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

/** As JSON has it: a Date is its text, and what is undefined is not there. */
function written(value: unknown): unknown {
  if (typeof value !== "object" || value === null) {
    return value === undefined ? ABSENT : value;
  }
  const toJSON = field(value, "toJSON");
  return typeof toJSON === "function" ? toJSON.call(value, "") : value;
}

/** Maps, buffers and the like have none: what they hold cannot be compared, and the recorder refuses them by name. */
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
