/**
 * Events as JSON text. Values of JavaScript that JSON has no form for are written as pino's serializers write them, or
 * without loss where that is possible; what is no data is reported with its path.
 */

import { CountersignError } from "../error.js";
import { field, hasField } from "../own.js";

/**
 * Takes what is wrong with a part of an event. It throws, or the event is written without that part; `isKept` says that
 * the part is written all the same.
 */
export type Report = (error: CountersignError, isKept?: boolean) => void;

/** Throws what is reported. */
export const refuse: Report = (error) => {
  throw error;
};

/** Objects that hold no data that can be read at once. */
const OPAQUE: readonly (abstract new (...args: never[]) => object)[] = [WeakMap, WeakSet, Promise];

/** How deep an event may nest, itself the first level; as in the core. */
const MAX_DEPTH = 64;
/** More values than an event of 262,144 bytes has room for. */
const MAX_VALUES = 262_144;
/** The characters of an error's stack that are recorded. */
const MAX_STACK = 8_192;
/** The causes of an error that are recorded. */
const MAX_CAUSES = 8;

/**
 * Returns the text of an event. As with JSON.stringify a field that is `undefined` is not there, and `toJSON` is called,
 * so a Date becomes its ISO text.
 */
export function toJson(event: unknown, report: Report = refuse): string {
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
  return toJsonSlowly(event, report);
}

/** Does the same and looks at each value, so that whatever is wrong with one is reported with its path. */
export function toJsonSlowly(event: object, report: Report): string {
  return new Copying(report).toJson(event);
}

/** The levels that are gone into before an event is looked at as one that may have a cycle. */
const SHALLOW = 32;

/** Whether JSON.stringify writes it without a loss. False where that takes a closer look. */
function isPlain(value: unknown, level: number): boolean {
  switch (typeof value) {
    case "string":
      return value.isWellFormed();
    case "boolean":
      return true;
    case "number":
      return Math.abs(value) <= Number.MAX_SAFE_INTEGER;
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

/** Stands for a value that was reported and is left out. */
const LEFT_OUT = Symbol("left out");

/** Copies an event as plain data. Each value is read once, so that what was looked at is what is written. */
class Copying {
  readonly #report: Report;
  /** What is being copied, from the outermost in. */
  readonly #within = new Set<object>();
  /** The names that lead to the value that is being copied. */
  readonly #path: string[] = [];
  #values = 0;
  #causes = 0;

  constructor(report: Report) {
    this.#report = report;
  }

  toJson(event: object): string {
    const copy = this.#copy(event, "");
    if (typeof copy !== "object" || copy === null || Array.isArray(copy)) {
      throw noEvent(copy === LEFT_OUT ? undefined : copy);
    }
    return JSON.stringify(copy);
  }

  /** Reports what is wrong with the value at hand. */
  #wrong(message: string, hint: string, cause?: unknown): typeof LEFT_OUT {
    this.#report(this.#invalid(message, hint, cause));
    return LEFT_OUT;
  }

  /** Reports it too, and gives what is written in place of the value. */
  #changed(message: string, hint: string, instead: string): string {
    this.#report(this.#invalid(message, hint), true);
    return instead;
  }

  #invalid(message: string, hint: string, cause?: unknown): CountersignError {
    const member = this.#path.length === 0 ? undefined : this.#path.join(".");
    return invalid(member === undefined ? message : `${member}: ${message}`, hint, member, cause);
  }

  /** What stands in the text for a value; undefined for one that is not there. */
  #copy(given: unknown, key: string): unknown {
    this.#values++;
    if (this.#values > MAX_VALUES) {
      return this.#values === MAX_VALUES + 1
        ? this.#wrong("more values than an event has room for", "record a hash of what is large")
        : LEFT_OUT;
    }
    let value: unknown;
    try {
      value = unwrapped(given, key);
    } catch (cause) {
      return this.#unreadable(cause);
    }
    switch (typeof value) {
      case "bigint":
        return Number.isSafeInteger(Number(value)) ? Number(value) : `${value}`;
      case "function":
      case "symbol":
        return this.#wrong(`a ${typeof value}, which is not data`, "leave it out");
      case "number":
        return this.#number(value);
      case "string":
        return value.isWellFormed()
          ? value
          : this.#changed(
              "half of a surrogate pair",
              "write both halves, or U+FFFD, as toWellFormed() does",
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
      ? this.#changed(
          "a number above 2^53 - 1, which not every reader of JSON reads as the same",
          "record it as a string, or as a BigInt",
          // All its digits, as far as these are written for a number.
          Math.abs(value) < 1e21 ? `${BigInt(Math.trunc(value))}` : `${value}`,
        )
      : value;
  }

  #object(value: object): unknown {
    if (this.#within.has(value)) {
      return "[Circular]";
    }
    if (this.#within.size === MAX_DEPTH) {
      return this.#wrong("nested deeper than 64 levels", "record what is deeper as text");
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

  /** Whatever is read may be a getter or a Proxy, which can throw anything. */
  #unreadable(cause: unknown): unknown {
    if (cause instanceof CountersignError) {
      throw cause;
    }
    return this.#wrong("what throws when it is read", "see the cause; record plain data", cause);
  }

  #contents(value: object): unknown {
    if (Array.isArray(value)) {
      return this.#items(value);
    }
    if (value instanceof Date) {
      return this.#wrong("an invalid Date", "check how it was parsed");
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
      const made = this.#read(`${at}`, () => value[at] ?? null);
      // A place in it stays a place.
      copy.push(made === undefined || made === LEFT_OUT ? null : made);
    }
    return copy;
  }

  #fields(fields: readonly (readonly [name: string, read: () => unknown])[]): object {
    // A member of any name is one, `__proto__` too.
    const copy: Record<string, unknown> = Object.create(null);
    for (const [given, read] of fields) {
      if (this.#values > MAX_VALUES) {
        break;
      }
      const name = given.isWellFormed() ? given : this.#name(given);
      const made = this.#read(name, read);
      if (made !== undefined && made !== LEFT_OUT) {
        copy[name] = made;
      }
    }
    return copy;
  }

  #name(name: string): string {
    return this.#changed("half of a surrogate pair in a field's name", "write both halves", name.toWellFormed());
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

  /** An error as pino writes it, with its causes; other fields of its own are there too. */
  #error(error: Error): unknown {
    if (this.#causes === MAX_CAUSES) {
      return `${error.name}: ${error.message}`;
    }
    this.#causes++;
    try {
      const stack = field(error, "stack");
      const said: [string, () => unknown][] = [
        ["name", () => error.name],
        ["message", () => error.message],
        ["stack", () => (typeof stack === "string" ? bounded(stack) : undefined)],
      ];
      for (const name of ["code", "cause", "errors"]) {
        if (hasField(error, name)) {
          said.push([name, () => field(error, name)]);
        }
      }
      const names = said.map(([name]) => name);
      for (const name of Object.keys(error)) {
        const value = Object.getOwnPropertyDescriptor(error, name)?.value as unknown;
        // What an error of a library holds beside data, such as its socket, is no part of what went wrong.
        if (!names.includes(name) && typeof value !== "function" && !(typeof value === "object" && isHost(value))) {
          said.push([name, () => value]);
        }
      }
      return this.#fields(said);
    } finally {
      this.#causes--;
    }
  }

  /** Bytes and numbers as Buffer writes its own. */
  #bytes(value: ArrayBufferView | ArrayBuffer): unknown {
    const type = Object.prototype.toString.call(value).slice(8, -1);
    const isList = ArrayBuffer.isView(value) && !(value instanceof DataView);
    const data = isList
      ? (value as unknown as ArrayLike<unknown>)
      : ArrayBuffer.isView(value)
        ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
        : new Uint8Array(value);
    if (data.length > MAX_VALUES) {
      return this.#wrong("more values than an event has room for", "record a hash of what is large");
    }
    return this.#fields([
      ["type", () => type],
      ["data", () => Array.from(data)],
    ]);
  }

  /** Headers, a URL's parameters and the like: what a name has several of is an array. */
  #pairs(value: Iterable<unknown>): object {
    const found = new Map<string, unknown>();
    for (const pair of value) {
      const [name, one] = pair as readonly [unknown, unknown];
      const before = found.get(`${name}`);
      found.set(`${name}`, before === undefined ? one : [before, one].flat());
    }
    return this.#fields([...found].map(([name, one]) => [name, () => one]));
  }

  #opaque(value: object): typeof LEFT_OUT {
    const name: unknown = value.constructor?.name;
    const what = typeof name === "string" && /^[\w$]{1,64}$/.test(name) ? name : "object";
    return this.#wrong(`a ${what}, which JSON has no form for`, "record its contents as text or plain objects");
  }
}

/** True for an object of a built-in class, of another realm too. */
function isA<T>(
  value: object,
  type: (abstract new (...args: never[]) => T) & { readonly name: string },
): value is object & T {
  return value instanceof type || Object.prototype.toString.call(value) === `[object ${type.name}]`;
}

/** What stands for a value: what its `toJSON` gives, or the primitive that it holds. */
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

/** True if an object iterates over names and values. */
function hasPairs(value: object): value is Iterable<unknown> {
  return Symbol.iterator in value && "entries" in value && "get" in value;
}

/** True for an object of a class, which is not a kind of data. */
function isHost(value: unknown): boolean {
  const isData = value === null || [Array, Date, Error, Map, Set, URL].some((type) => value instanceof type);
  return !isData && typeof value === "object" && isOfClass(value as object) && field(value, "toJSON") === undefined;
}

function bounded(stack: string): string {
  return stack.length > MAX_STACK ? `${stack.slice(0, MAX_STACK).toWellFormed()}…` : stack;
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
