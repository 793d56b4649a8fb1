/** Events as JSON text. What JSON.stringify would change or leave out silently is refused, naming the member. */

import { CountersignError } from "../error.js";

/** Objects that JSON.stringify writes as if they were empty, or as members that nobody meant. */
const OPAQUE = [Map, Set, WeakMap, WeakSet, RegExp, Promise, Error, ArrayBuffer];

/** How deep an event may nest, itself the first level; as in the core. */
const DEEPEST = 64;
/** More values than an event of 262,144 bytes has room for. */
const MOST = 262_144;

/**
 * The text of an event. As with JSON.stringify a member that is `undefined` is not there, and `toJSON` is called, so
 * a Date becomes its ISO text.
 */
export function toJson(event: unknown): string {
  // With a function that looks at each value JSON.stringify takes several times as long, which few events need.
  if (typeof event !== "object" || event === null || Array.isArray(event)) {
    throw noEvent(event);
  }
  try {
    if (isPlain(event, 0)) {
      return JSON.stringify(event);
    }
  } catch {
    // What threw is found again, and named.
  }
  return new Copying().toJson(event);
}

/** The levels that are gone into before an event is looked at as one that may have a cycle. */
const SHALLOW = 32;

/** Whether JSON.stringify writes it without a loss. False where that takes a closer look. */
function isPlain(value: unknown, level: number): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value);
    case "object":
      return value === null || (level < SHALLOW && holdsPlain(value, level + 1));
    default:
      return false;
  }
}

function holdsPlain(value: object, level: number): boolean {
  if ((value as { toJSON?: unknown }).toJSON !== undefined) {
    return false;
  }
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) {
      if (!isPlain(value[at], level)) {
        return false;
      }
    }
    return true;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    return false;
  }
  for (const name in value) {
    const member = (value as Record<string, unknown>)[name];
    if (member !== undefined && !isPlain(member, level)) {
      return false;
    }
  }
  return true;
}

/**
 * The same from a copy: each value is read once, so that what was looked at is what is written, and what is wrong with
 * one is said of it.
 */
class Copying {
  /** What is being copied, from the outermost in. */
  readonly #within = new Set<object>();
  #values = 0;

  toJson(event: object): string {
    const copy = this.#copy(event, "", undefined);
    if (typeof copy !== "object" || copy === null || Array.isArray(copy)) {
      throw noEvent(copy);
    }
    return JSON.stringify(copy);
  }

  /** What JSON.stringify would write of a value; `member` is the nearest name, as an array's items have none. */
  #copy(given: unknown, key: string, member: string | undefined): unknown {
    this.#values++;
    if (this.#values > MOST) {
      throw invalid("more values than an event has room for", "record a hash of what is large", member);
    }
    const value = this.#unwrapped(given, key, member);
    switch (typeof value) {
      case "bigint":
        throw invalid("a BigInt, which JSON has no form for", "record it as a string", member);
      case "function":
      case "symbol":
        throw invalid(`a ${typeof value}, which is not data`, "leave it out", member);
      case "number":
        if (!Number.isFinite(value)) {
          const why = `the number ${value}, which JSON has no form for`;
          throw invalid(why, "record it as a string, or null", member);
        }
        return value;
      case "object":
        return value === null ? null : this.#copyObject(value, member);
      default:
        return value;
    }
  }

  /** What stands for a value: what its `toJSON` gives, or the primitive that it holds. */
  #unwrapped(given: unknown, key: string, member: string | undefined): unknown {
    if ((typeof given !== "object" && typeof given !== "bigint") || given === null) {
      return given;
    }
    return reading(member, () => {
      const { toJSON } = given as { toJSON?: unknown };
      const value: unknown = typeof toJSON === "function" ? toJSON.call(given, key) : given;
      if (value === null && given instanceof Date) {
        throw invalid("an invalid Date", "check how it was parsed", member);
      }
      const isBoxed =
        value instanceof Number || value instanceof String || value instanceof Boolean || value instanceof BigInt;
      return isBoxed ? value.valueOf() : value;
    });
  }

  #copyObject(value: object, member: string | undefined): unknown {
    if (this.#within.has(value)) {
      throw invalid("a cycle", "an event is plain data: record the id of what it leads back to", member);
    }
    if (this.#within.size === DEEPEST) {
      throw invalid("nested deeper than 64 levels", "record what is deeper as text", member);
    }
    this.#within.add(value);
    const copy = reading(member, () => Array.isArray(value))
      ? this.#items(value as unknown[], member)
      : this.#members(value, member);
    this.#within.delete(value);
    return copy;
  }

  #items(value: readonly unknown[], member: string | undefined): unknown[] {
    const copy: unknown[] = [];
    const length = reading(member, () => value.length);
    for (let at = 0; at < length; at++) {
      const item = reading(member, () => value[at]);
      if (item === undefined) {
        throw invalid("an array with undefined in it", "put null there, or leave the item out", member);
      }
      copy.push(this.#copy(item, `${at}`, member));
    }
    return copy;
  }

  #members(value: object, member: string | undefined): object {
    const names = reading(member, () => {
      const found = Object.keys(value);
      refuseOpaque(value, found.length === 0, member);
      return found;
    });
    // A member of any name is one, `__proto__` too.
    const copy: Record<string, unknown> = Object.create(null);
    for (const name of names) {
      const one = reading(name, () => (value as Record<string, unknown>)[name]);
      const made = one === undefined ? undefined : this.#copy(one, name, name);
      if (made !== undefined) {
        copy[name] = made;
      }
    }
    return copy;
  }
}

/** Whatever is read may be a getter or a Proxy, which can throw anything. */
function reading<T>(member: string | undefined, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof CountersignError) {
      throw cause;
    }
    throw invalid("what throws when it is read", "see the cause; record plain data", member, cause);
  }
}

/** Refuses what JSON would show as if it were empty: maps, sets, headers, streams, errors and the like. */
function refuseOpaque(value: object, isEmpty: boolean, member: string | undefined): void {
  const prototype: unknown = Object.getPrototypeOf(value);
  const isOfClass = prototype !== null && Object.getPrototypeOf(prototype) !== null;
  if (!(isEmpty && isOfClass) && !ArrayBuffer.isView(value) && !OPAQUE.some((type) => value instanceof type)) {
    return;
  }
  const name: unknown = value.constructor?.name;
  const what = typeof name === "string" && /^[\w$]{1,64}$/.test(name) ? name : "object";
  const isIterable = Symbol.iterator in value && "entries" in value;
  const hint =
    isIterable && !ArrayBuffer.isView(value)
      ? "record Object.fromEntries(…) of it"
      : "record its contents as text or plain objects";
  throw invalid(`a ${what}, which JSON has no form for`, hint, member);
}

/** That something is no event. */
export function invalid(message: string, hint: string, member?: string, cause?: unknown): CountersignError {
  return new CountersignError("event.invalid", message, { member, hint, cause });
}

function noEvent(given: unknown): CountersignError {
  const what = given === null ? "null" : Array.isArray(given) ? "an array" : typeof given;
  return new CountersignError("event.invalid", `not an event but ${what}`, {
    hint: `give an object, such as { action: "job.delete" }${typeof given === "string" ? "; recordJson takes text" : ""}`,
  });
}
