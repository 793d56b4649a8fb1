/** Events as JSON text. What JSON.stringify would change or leave out silently is refused, naming the member. */

import { CountersignError } from "../error.js";

/** Objects that JSON.stringify writes as if they were empty, or as members that nobody meant. */
const OPAQUE = [Map, Set, WeakMap, WeakSet, RegExp, Promise, Error, ArrayBuffer];

/**
 * The text of an event. As with JSON.stringify a member that is `undefined` is not there, and `toJSON` is called, so
 * a Date becomes its ISO text.
 */
export function toJson(event: unknown): string {
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
    throw new CountersignError("event.invalid", "not an event but undefined");
  }
  return text;
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
