/**
 * Serializes events to JSON. JavaScript values without a JSON form are written as pino's serializers write them, or
 * losslessly where possible; values that aren't data are reported with their path.
 */

import { CountersignError } from "../error.js";
import { field, hasField } from "../own.js";

/**
 * Receives a problem in a value of an event. It throws, or the event is serialized without the value; with `isKept`,
 * the value is serialized anyway.
 */
export type Report = (error: CountersignError, isKept?: boolean) => void;

/** Throws each reported problem. */
export const refuse: Report = (error) => {
  throw error;
};

/** Classes whose contents can't be read synchronously. */
const OPAQUE: readonly (abstract new (...args: never[]) => object)[] = [WeakMap, WeakSet, Promise];

/** Maximum nesting depth of an event, with the event itself as level 1; the same as in the core. */
const MAX_DEPTH = 64;
/** Maximum number of values; more don't fit into an event of 262,144 bytes. */
const MAX_VALUES = 262_144;
/** Maximum length of a recorded stack, in characters. */
const MAX_STACK = 8_192;
/** Maximum number of recorded causes of an error. */
const MAX_CAUSES = 8;

/**
 * Returns an event as JSON. As in JSON.stringify, `undefined` fields are omitted and `toJSON` is called, so a Date
 * becomes its ISO string.
 */
export function toJson(event: unknown, report: Report = refuse): string {
  // JSON.stringify with a replacer takes several times as long, which few events need.
  if (typeof event !== "object" || event === null || Array.isArray(event)) {
    throw noEvent(event);
  }
  try {
    if (isPlain(event, 0)) {
      return JSON.stringify(event);
    }
  } catch {
    // The slow path finds the error again, with its path.
  }
  return toJsonSlowly(event, report);
}

/** Serializes an event value by value, so that each problem is reported with its path. */
export function toJsonSlowly(event: object, report: Report): string {
  return new PlainCopy(report).toJson(event);
}

/** Maximum depth of the fast path. Deeper events may contain cycles. */
const MAX_FAST_DEPTH = 32;

/** True if JSON.stringify serializes the value losslessly. False if that needs the slow path. */
function isPlain(value: unknown, level: number): boolean {
  switch (typeof value) {
    case "string":
      return value.isWellFormed();
    case "boolean":
      return true;
    case "number":
      return Math.abs(value) <= Number.MAX_SAFE_INTEGER;
    case "object":
      return value === null || (level < MAX_FAST_DEPTH && holdsPlain(value, level + 1));
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

/** Marks a value that was reported and is omitted. */
const OMITTED = Symbol("omitted");

/**
 * Copies an event to plain data. Each value is read only once, so that the checked value is the one that is written.
 */
class PlainCopy {
  readonly #report: Report;
  /** The objects being copied, from the outermost in. */
  readonly #within = new Set<object>();
  /** The path to the value being copied. */
  readonly #path: string[] = [];
  #values = 0;
  #causes = 0;

  constructor(report: Report) {
    this.#report = report;
  }

  toJson(event: object): string {
    const copy = this.#copy(event, "");
    if (typeof copy !== "object" || copy === null || Array.isArray(copy)) {
      throw noEvent(copy === OMITTED ? undefined : copy);
    }
    return JSON.stringify(copy);
  }

  /** Reports the current value as a problem that is omitted. */
  #omit(message: string, hint: string, cause?: unknown): typeof OMITTED {
    this.#report(this.#invalid(message, hint, cause));
    return OMITTED;
  }

  /** Reports the current value as a problem, and returns a replacement to write. */
  #replace(message: string, hint: string, instead: string): string {
    this.#report(this.#invalid(message, hint), true);
    return instead;
  }

  #invalid(message: string, hint: string, cause?: unknown): CountersignError {
    const member = this.#path.length === 0 ? undefined : this.#path.join(".");
    return invalid(member === undefined ? message : `${member}: ${message}`, hint, member, cause);
  }

  /** Returns the JSON form of a value; undefined to omit it. */
  #copy(input: unknown, key: string): unknown {
    this.#values++;
    if (this.#values > MAX_VALUES) {
      return this.#values === MAX_VALUES + 1
        ? this.#omit("the event has too many values", "record a hash of large data")
        : OMITTED;
    }
    let value: unknown;
    try {
      value = unwrapped(input, key);
    } catch (cause) {
      return this.#unreadable(cause);
    }
    switch (typeof value) {
      case "bigint":
        return Number.isSafeInteger(Number(value)) ? Number(value) : `${value}`;
      case "function":
      case "symbol":
        return this.#omit(`a ${typeof value} is not data`, "omit it");
      case "number":
        return this.#number(value);
      case "string":
        return value.isWellFormed()
          ? value
          : this.#replace(
              "the string contains a lone surrogate",
              "write both halves of the pair, or use toWellFormed()",
              value.toWellFormed(),
            );
      case "object":
        return value === null ? null : this.#object(value);
      default:
        return value;
    }
  }

  #number(value: number): number | string {
    if (!Number.isFinite(value)) {
      return `${value}`;
    }
    return Math.abs(value) > Number.MAX_SAFE_INTEGER
      ? this.#replace(
          "the number is above 2^53 - 1 and loses precision in some JSON parsers",
          "record it as a string, or as a BigInt",
          // All digits, in the range where numbers are written without an exponent.
          Math.abs(value) < 1e21 ? `${BigInt(Math.trunc(value))}` : `${value}`,
        )
      : value;
  }

  #object(value: object): unknown {
    if (this.#within.has(value)) {
      return "[Circular]";
    }
    if (this.#within.size === MAX_DEPTH) {
      return this.#omit("the value is nested deeper than 64 levels", "record deeper values as text");
    }
    this.#within.add(value);
    try {
      return this.#contents(value);
    } catch (cause) {
      return this.#unreadable(cause);
    } finally {
      this.#within.delete(value);
    }
  }

  /** Handles errors in getters and proxies, which can throw anything. */
  #unreadable(cause: unknown): unknown {
    if (cause instanceof CountersignError) {
      throw cause;
    }
    return this.#omit("reading the value threw an error", "see the cause; record plain data", cause);
  }

  #contents(value: object): unknown {
    if (Array.isArray(value)) {
      return this.#items(value);
    }
    if (value instanceof Date) {
      return this.#omit("the Date is invalid", "check how it was parsed");
    }
    if (isA(value, Error)) {
      return this.#error(value);
    }
    if (isA(value, RegExp)) {
      return `${value}`;
    }
    if (isA(value, Set<unknown>)) {
      return this.#items([...value]);
    }
    if (isA(value, Map<unknown, unknown>)) {
      const isNamed = [...value.keys()].every((name) => ["string", "number", "bigint"].includes(typeof name));
      const names = new Set([...value.keys()].map(String));
      return isNamed && names.size === value.size
        ? this.#fields([...value].map(([name, one]) => [`${name}`, () => one]))
        : this.#items([...value]);
    }
    if (ArrayBuffer.isView(value) || isA(value, ArrayBuffer)) {
      return this.#bytes(value);
    }
    const names = Object.keys(value);
    if (OPAQUE.some((type) => isA<object>(value, type)) || (names.length === 0 && isOfClass(value))) {
      return hasPairs(value) ? this.#pairs(value) : this.#opaque(value);
    }
    return this.#fields(names.map((name) => [name, () => (value as Record<string, unknown>)[name]]));
  }

  #items(value: readonly unknown[]): unknown[] {
    const copy: unknown[] = [];
    const { length } = value;
    for (let at = 0; at < length && this.#values <= MAX_VALUES; at++) {
      const item = this.#read(`${at}`, () => value[at] ?? null);
      // Omitted items become null, so that the others keep their index.
      copy.push(item === undefined || item === OMITTED ? null : item);
    }
    return copy;
  }

  #fields(fields: readonly (readonly [name: string, read: () => unknown])[]): object {
    // Fields may have any name, `__proto__` included.
    const copy: Record<string, unknown> = Object.create(null);
    for (const [given, read] of fields) {
      if (this.#values > MAX_VALUES) {
        break;
      }
      const name = given.isWellFormed() ? given : this.#name(given);
      const value = this.#read(name, read);
      if (value !== undefined && value !== OMITTED) {
        copy[name] = value;
      }
    }
    return copy;
  }

  #name(name: string): string {
    return this.#replace(
      "the field's name contains a lone surrogate",
      "write both halves of the pair",
      name.toWellFormed(),
    );
  }

  #read(name: string, read: () => unknown): unknown {
    this.#path.push(name.slice(0, 64));
    try {
      let value: unknown;
      try {
        value = read();
      } catch (cause) {
        return this.#unreadable(cause);
      }
      return value === undefined ? undefined : this.#copy(value, name);
    } finally {
      this.#path.pop();
    }
  }

  /** Returns an error in pino's form, with its causes and its other own fields. */
  #error(error: Error): unknown {
    if (this.#causes === MAX_CAUSES) {
      return `${error.name}: ${error.message}`;
    }
    this.#causes++;
    try {
      const stack = field(error, "stack");
      const parts: [string, () => unknown][] = [
        ["name", () => error.name],
        ["message", () => error.message],
        ["stack", () => (typeof stack === "string" ? bounded(stack) : undefined)],
      ];
      for (const name of ["code", "cause", "errors"]) {
        if (hasField(error, name)) {
          parts.push([name, () => field(error, name)]);
        }
      }
      const names = parts.map(([name]) => name);
      for (const name of Object.keys(error)) {
        const value = Object.getOwnPropertyDescriptor(error, name)?.value as unknown;
        // Other objects in a library's error, such as its socket, don't describe what went wrong.
        if (!names.includes(name) && typeof value !== "function" && !(typeof value === "object" && isHost(value))) {
          parts.push([name, () => value]);
        }
      }
      return this.#fields(parts);
    } finally {
      this.#causes--;
    }
  }

  /** Returns bytes and typed arrays in the form of Buffer's JSON. */
  #bytes(value: ArrayBufferView | ArrayBuffer): unknown {
    const type = Object.prototype.toString.call(value).slice(8, -1);
    const isList = ArrayBuffer.isView(value) && !(value instanceof DataView);
    const data = isList
      ? (value as unknown as ArrayLike<unknown>)
      : ArrayBuffer.isView(value)
        ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
        : new Uint8Array(value);
    if (data.length > MAX_VALUES) {
      return this.#omit("the event has too many values", "record a hash of large data");
    }
    return this.#fields([
      ["type", () => type],
      ["data", () => Array.from(data)],
    ]);
  }

  /** Returns headers, URL parameters, and the like as an object. A name with several values maps to an array. */
  #pairs(value: Iterable<unknown>): object {
    const found = new Map<string, unknown>();
    for (const pair of value) {
      const [name, one] = pair as readonly [unknown, unknown];
      const before = found.get(`${name}`);
      found.set(`${name}`, before === undefined ? one : [before, one].flat());
    }
    return this.#fields([...found].map(([name, one]) => [name, () => one]));
  }

  #opaque(value: object): typeof OMITTED {
    const name: unknown = value.constructor?.name;
    const what = typeof name === "string" && /^[\w$]{1,64}$/.test(name) ? name : "object";
    return this.#omit(`a ${what} has no JSON form`, "record its contents as text or plain objects");
  }
}

/** True for an object of a built-in class, including other realms. */
function isA<T>(
  value: object,
  type: (abstract new (...args: never[]) => T) & { readonly name: string },
): value is object & T {
  return value instanceof type || Object.prototype.toString.call(value) === `[object ${type.name}]`;
}

/** Returns the result of `toJSON`, or the primitive in a wrapper object. */
function unwrapped(given: unknown, key: string): unknown {
  if ((typeof given !== "object" && typeof given !== "bigint") || given === null) {
    return given;
  }
  const toJSON = typeof given === "bigint" ? (given as { toJSON?: unknown }).toJSON : field(given, "toJSON");
  const value: unknown = typeof toJSON === "function" ? toJSON.call(given, key) : given;
  if (value === null && given instanceof Date) {
    return given;
  }
  const isBoxed =
    value instanceof Number || value instanceof String || value instanceof Boolean || value instanceof BigInt;
  return isBoxed ? value.valueOf() : value;
}

function isOfClass(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype !== null && Object.getPrototypeOf(prototype) !== null;
}

/** True if an object iterates over pairs of names and values. */
function hasPairs(value: object): value is Iterable<unknown> {
  return Symbol.iterator in value && "entries" in value && "get" in value;
}

/** True for an instance of a class that isn't a kind of data. */
function isHost(value: unknown): boolean {
  const isData = value === null || [Array, Date, Error, Map, Set, URL].some((type) => value instanceof type);
  return !isData && typeof value === "object" && isOfClass(value as object) && field(value, "toJSON") === undefined;
}

function bounded(stack: string): string {
  return stack.length > MAX_STACK ? `${stack.slice(0, MAX_STACK).toWellFormed()}…` : stack;
}

/** Returns the error for an invalid event. */
export function invalid(message: string, hint: string, member?: string, cause?: unknown): CountersignError {
  return new CountersignError("event.invalid", message, { member, hint, cause });
}

function noEvent(given: unknown): CountersignError {
  const what = given === null ? "null" : Array.isArray(given) ? "an array" : typeof given;
  const hint =
    typeof given === "string"
      ? 'pass an object such as { action: "job.delete" }, or pass JSON text to recordJson'
      : 'pass an object such as { action: "job.delete" }';
  return new CountersignError("event.invalid", `an event must be an object, not ${what}`, { hint });
}
