/** Events as JSON text. What JSON.stringify would change or leave out silently is refused, naming the member. */

import { CountersignError } from "../error.js";

/** Objects that JSON.stringify writes as if they were empty, or as members that nobody meant. */
const OPAQUE = [Map, Set, WeakMap, WeakSet, RegExp, Promise, Error, ArrayBuffer];

/**
 * The text of an event. As with JSON.stringify a member that is `undefined` is not there, and `toJSON` is called, so
 * a Date becomes its ISO text.
 */
export function toJson(event: unknown): string {
  // With a function that looks at each value JSON.stringify takes several times as long, which few events need.
  if (typeof event !== "object" || event === null || Array.isArray(event)) {
    throw noEvent(event);
  }
  if (isPlain(event, 0)) {
    return JSON.stringify(event);
  }
  return toJsonWatched(event);
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
  if ("toJSON" in value) {
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

/** The same, and says what is wrong with what, where something is. */
function toJsonWatched(event: unknown): string {
  // An array's items have no name of their own; its member's is nearest.
  const names = new Map<unknown, string>();
  const nearest = (holder: unknown, key: string) => (Array.isArray(holder) ? names.get(holder) : key) || undefined;

  function check(this: unknown, key: string, value: unknown): unknown {
    const why = fault(this, key, value);
    if (why !== undefined) {
      throw new CountersignError("event.invalid", why.message, { member: nearest(this, key), hint: why.hint });
    }
    if (Array.isArray(value)) {
      names.set(value, nearest(this, key) ?? "");
    }
    return value;
  }

  let text: string | undefined;
  try {
    text = JSON.stringify(event, check);
  } catch (cause) {
    if (cause instanceof CountersignError) {
      throw cause;
    }
    throw new CountersignError("event.invalid", "the event cannot be written as JSON", {
      hint: "an event is plain data, without a cycle",
      cause,
    });
  }
  if (text === undefined) {
    throw noEvent(undefined);
  }
  return text;
}

function noEvent(given: unknown): CountersignError {
  const what = given === null ? "null" : Array.isArray(given) ? "an array" : typeof given;
  return new CountersignError("event.invalid", `not an event but ${what}`, {
    hint: `give an object, such as { action: "job.delete" }${typeof given === "string" ? "; recordJson takes text" : ""}`,
  });
}

function fault(holder: unknown, key: string, value: unknown): { message: string; hint: string } | undefined {
  switch (typeof value) {
    case "bigint":
      return { message: "a BigInt, which JSON has no form for", hint: "record it as a string" };
    case "function":
    case "symbol":
      return { message: `a ${typeof value}, which is no data`, hint: "leave it out" };
    case "number":
      return Number.isFinite(value) ? undefined : notFinite(value);
    case "undefined":
      return Array.isArray(holder)
        ? { message: "an array with undefined in it", hint: "put null there, or leave the item out" }
        : undefined;
    case "object":
      return objectFault(holder, key, value);
    default:
      return undefined;
  }
}

function objectFault(holder: unknown, key: string, value: object | null) {
  if (value === null) {
    const given = (holder as Record<string, unknown>)[key];
    return given instanceof Date ? { message: "an invalid Date", hint: "check how it was parsed" } : undefined;
  }
  if (value instanceof Number) {
    return Number.isFinite(value.valueOf()) ? undefined : notFinite(value.valueOf());
  }
  if (ArrayBuffer.isView(value) || OPAQUE.some((type) => value instanceof type)) {
    const name = value.constructor?.name ?? "object";
    return { message: `a ${name}, which JSON has no form for`, hint: "record its contents as text or plain objects" };
  }
  return undefined;
}

function notFinite(value: number) {
  return { message: `the number ${value}, which JSON has no form for`, hint: "record it as a string, or null" };
}
