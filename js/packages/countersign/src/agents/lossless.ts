/** Finds arguments that JSON loses or changes, so that a gate would judge other ones than the tool gets. */

import { field } from "../own.js";

/** Classes that have a JSON form in events, whose own fields aren't data. */
const DATA: readonly (abstract new (...args: never[]) => object)[] = [
  ArrayBuffer,
  Boolean,
  Date,
  FormData,
  Headers,
  Number,
  RegExp,
  String,
  URL,
  URLSearchParams,
];

/** Returns the problem with arguments that JSON loses or changes; undefined if there is none. */
export function lossOf(value: unknown, seen: Set<unknown> = new Set()): string | undefined {
  if (typeof value !== "object" || value === null || seen.has(value)) {
    return undefined;
  }
  seen.add(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  // Classes derived from these may have a JSON form of their own.
  if (ArrayBuffer.isView(value) || DATA.some((type) => prototype === type.prototype)) {
    return undefined;
  }
  if (prototype === Map.prototype || prototype === Set.prototype) {
    return firstLoss([...(value as Iterable<unknown>)], seen);
  }
  if (typeof field(value, "toJSON") === "function") {
    return "the arguments contain an object with toJSON";
  }
  const isArray = Array.isArray(value);
  const fields = Reflect.ownKeys(value).filter((name) => !(isArray && name === "length"));
  const isLost = (name: string | symbol) => {
    const { enumerable, get, set } = Object.getOwnPropertyDescriptor(value, name) ?? {};
    const isExtra = isArray && String(Number(String(name)) >>> 0) !== String(name);
    return typeof name === "symbol" || isExtra || enumerable !== true || get !== undefined || set !== undefined;
  };
  if (fields.some(isLost) || inheritsData(prototype)) {
    return "the arguments contain a field that JSON doesn't express";
  }
  return firstLoss(
    fields.map((name) => (value as Record<string | symbol, unknown>)[name]),
    seen,
  );
}

function firstLoss(values: readonly unknown[], seen: Set<unknown>): string | undefined {
  for (const value of values) {
    const loss = lossOf(value, seen);
    if (loss !== undefined) {
      return loss;
    }
  }
  return undefined;
}

/** True if an object has accessors or values from its class. The root of the prototype chain and arrays have none. */
function inheritsData(prototype: unknown): boolean {
  for (let at = prototype; at !== null && at !== Array.prototype; ) {
    const next: unknown = Object.getPrototypeOf(at);
    if (next === null) {
      return false;
    }
    const inherited = Object.values(Object.getOwnPropertyDescriptors(at as object));
    if (inherited.some(({ value }) => typeof value !== "function")) {
      return true;
    }
    at = next;
  }
  return false;
}
