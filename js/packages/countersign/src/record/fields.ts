/** The fields of an event (SPEC section 12), and the normalization of their values. */

import { nearestOf } from "../known.js";
import { field } from "../own.js";
import type { AuditEvent } from "./event.js";
import { invalid, type Report } from "./serialize.js";

type Fields = Record<string, unknown>;

/** The fields of an event and of its objects with known fields, by path. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  "": [
    "action",
    "id",
    "actor",
    "on_behalf_of",
    "target",
    "targets",
    "outcome",
    "reason",
    "occurred_at",
    "tenant",
    "tenants",
    "context",
    "http",
    "before",
    "after",
    "metadata",
    "countersign",
  ],
  actor: ["id", "type", "name", "session", "credential"],
  on_behalf_of: ["id", "type", "name", "grant", "via"],
  target: ["type", "id", "name"],
  context: ["ip", "user_agent", "geo", "request_id", "region", "trace_id", "span_id"],
  "context.geo": ["country", "lat", "lon"],
  // `url` may replace `path` (the option `path`).
  http: ["method", "path", "status", "host", "latency_ms", "url"],
  countersign: ["decision", "rule", "pack", "finding"],
};

/** Paths of identifiers, which may also be numbers. */
const IDENTIFIERS = [
  "id",
  "tenant",
  "actor.id",
  "actor.session",
  "actor.credential",
  "on_behalf_of.id",
  "on_behalf_of.grant",
  "target.id",
  "context.request_id",
];

/**
 * Names of these fields in other libraries, lowercase and without separators. Under "", the value is a path in the
 * event.
 */
const OTHER_NAMES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "": {
    account: "tenant",
    behalfof: "on_behalf_of",
    data: "metadata",
    date: "occurred_at",
    details: "metadata",
    event: "action",
    eventid: "id",
    extra: "metadata",
    idempotencykey: "id",
    ip: "context.ip",
    ipaddress: "context.ip",
    meta: "metadata",
    name: "action",
    new: "after",
    object: "target",
    obo: "on_behalf_of",
    old: "before",
    organization: "tenant",
    organizationid: "tenant",
    orgid: "tenant",
    previous: "before",
    request: "http",
    requestid: "context.request_id",
    resource: "target",
    result: "outcome",
    status: "outcome",
    subject: "target",
    tenantid: "tenant",
    time: "occurred_at",
    timestamp: "occurred_at",
    ts: "occurred_at",
    type: "action",
    user: "actor",
    useragent: "context.user_agent",
    userid: "actor.id",
    who: "actor",
  },
  actor: { kind: "type", sessionid: "session", sub: "id", uid: "id", userid: "id", username: "name" },
  on_behalf_of: { jti: "grant", kind: "type", sub: "id", uid: "id", userid: "id", username: "name" },
  target: { kind: "type", uid: "id" },
  context: {
    ipaddress: "ip",
    location: "ip",
    remoteaddress: "ip",
    reqid: "request_id",
    ua: "user_agent",
    xrequestid: "request_id",
  },
  "context.geo": { countrycode: "country", latitude: "lat", lng: "lon", long: "lon", longitude: "lon" },
  http: { duration: "latency_ms", hostname: "host", latency: "latency_ms", statuscode: "status", verb: "method" },
};

/** Matches an action, but not a sentence or JSON text, which are probably mistakes. */
const ACTION = /^[^\s{}[\]"]+$/;

/**
 * Returns the event that the arguments of `record` stand for: an event, or an action and the other fields. Fields that
 * aren't an object become an unknown field, which is then reported.
 */
export function toEvent(first: unknown, fields: unknown): unknown {
  if (typeof first !== "string" || !ACTION.test(first)) {
    return first;
  }
  if (fields === undefined || fields === null) {
    return { action: first };
  }
  if (!isFields(fields)) {
    return { action: first, fields };
  }
  // Not a spread: a field that throws when read is reported later.
  const event = copyOf(plainFields(fields));
  Object.defineProperty(event, "action", { ...VALUE, value: first });
  return event;
}

/**
 * Returns an event in the form in which it is recorded: actors and targets in short become objects, numeric identifiers
 * become strings, `null` counts as absent, and a time may be a Date or milliseconds. A class instance also contributes
 * accessors of its class for known fields. Returns the same object if nothing changes.
 */
export function normalized(event: unknown): unknown {
  if (!isFields(event)) {
    return event;
  }
  const copy = new CopyOnWrite(plainFields(event, ""));
  for (const name of KNOWN[""] as readonly string[]) {
    copy.change(name, (value) => normalizedValue(value, name));
  }
  return copy.result;
}

/** Returns a value in the form required at this path. */
function normalizedValue(value: unknown, path: string): unknown {
  if (value === null) {
    return undefined;
  }
  if (IDENTIFIERS.includes(path)) {
    return identifier(value);
  }
  const isPrincipal = path === "actor" || path === "on_behalf_of";
  if (Array.isArray(value) && (isPrincipal || path === "target")) {
    return fromTuple(value);
  }
  if (isPrincipal && !isFields(value)) {
    const id = identifier(value);
    return typeof id === "string" ? { id } : value;
  }
  if (path === "targets" && Array.isArray(value)) {
    const targets = value.map((target) => normalizedValue(target, "target"));
    return targets.every((target, nth) => target === value[nth]) ? value : targets;
  }
  if (path === "tenants" && Array.isArray(value)) {
    const tenants = value.map(identifier);
    return tenants.every((tenant, nth) => tenant === value[nth]) ? value : tenants;
  }
  if (path === "occurred_at") {
    return typeof value === "number" ? new Date(value) : value;
  }
  const known = Object.hasOwn(KNOWN, path) ? KNOWN[path] : undefined;
  if (known === undefined || !isFields(value)) {
    return value;
  }
  const copy = new CopyOnWrite(plainFields(value, path));
  for (const name of known) {
    copy.change(name, (one) => normalizedValue(one, `${path}.${name}`));
  }
  return copy.result;
}

/** Returns the actor for a value passed to `with` or returned by a callback. */
export function actorOf(input: unknown): AuditEvent["actor"] {
  return normalizedValue(input, "actor") as AuditEvent["actor"];
}

/** Returns the principal that an actor acts for, from a value passed to `with` or returned by a callback. */
export function onBehalfOf(input: unknown): AuditEvent["on_behalf_of"] {
  return normalizedValue(input, "on_behalf_of") as AuditEvent["on_behalf_of"];
}

/** Returns the context for a value passed to `with`. */
export function contextOf(input: unknown): AuditEvent["context"] {
  return normalizedValue(input, "context") as AuditEvent["context"];
}

/** Returns the tenant for a value passed to `with`. */
export function tenantOf(input: unknown): AuditEvent["tenant"] {
  return normalizedValue(input, "tenant") as AuditEvent["tenant"];
}

/** Returns the object for a type, an ID, and optionally a name. Any other array is returned unchanged, to be rejected. */
function fromTuple(tuple: readonly unknown[]): unknown {
  const [type, id, name] = tuple;
  if (tuple.length < 2 || tuple.length > 3 || typeof type !== "string") {
    return tuple;
  }
  return { type, id: identifier(id), ...((name ?? undefined) === undefined ? {} : { name }) };
}

function identifier(value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) {
    // Makes the event's validation reject it.
    return null;
  }
  return typeof value === "number" || typeof value === "bigint" ? `${value}` : value;
}

/** An object that is copied on the first change. */
class CopyOnWrite {
  #fields: Fields;
  #isCopy = false;

  constructor(fields: Fields) {
    this.#fields = fields;
  }

  get result(): object {
    return this.#fields;
  }

  change(name: string, to: (value: unknown) => unknown): void {
    if (!Object.hasOwn(this.#fields, name)) {
      return;
    }
    let changed: unknown;
    try {
      const value = this.#fields[name];
      changed = to(value);
      if (changed === value) {
        return;
      }
    } catch {
      // The serializer reads the field again and reports the error with its path.
      return;
    }
    if (!this.#isCopy) {
      this.#fields = copyOf(this.#fields);
      this.#isCopy = true;
    }
    // Not an assignment: the name may be `__proto__`.
    Object.defineProperty(this.#fields, name, { ...VALUE, value: changed });
  }
}

const VALUE = { enumerable: true, configurable: true, writable: true };

/**
 * Returns an object's own fields. For a class instance, includes accessors of its class for known fields at this path;
 * if it has `toJSON`, uses that method's result.
 */
export function plainFields(given: object, path = ""): Fields {
  const prototype: unknown = Object.getPrototypeOf(given);
  if ((prototype === Object.prototype || prototype === null) && !Object.hasOwn(given, "toJSON")) {
    return given as Fields;
  }
  let written: object = given;
  try {
    const toJSON = field(given, "toJSON");
    const converted: unknown = typeof toJSON === "function" ? toJSON.call(given, "") : given;
    if (converted !== given) {
      return isFields(converted) ? plainFields(converted, path) : (given as Fields);
    }
  } catch {
    return given as Fields;
  }
  const inherited = (KNOWN[path] as readonly string[]).filter(
    (name) => !Object.hasOwn(given, name) && isAccessor(given, name),
  );
  if (inherited.length > 0) {
    written = copyOf(given as Fields);
    for (const name of inherited) {
      copyField(given as Fields, written as Fields, name);
    }
  }
  return written as Fields;
}

/** True if a class of the object, `Object.prototype` excluded, has an accessor of this name. */
function isAccessor(given: object, name: string): boolean {
  for (let at: object | null = Object.getPrototypeOf(given); at !== null; at = Object.getPrototypeOf(at)) {
    if (Object.getPrototypeOf(at) === null) {
      return false;
    }
    const described = Object.getOwnPropertyDescriptor(at, name);
    if (described !== undefined) {
      return described.get !== undefined;
    }
  }
  return false;
}

/** Returns a copy of an object's own fields. A field that throws when read also throws in the copy. */
export function copyOf(given: object): Fields {
  const copy: Fields = {};
  for (const name of Object.keys(given)) {
    copyField(given as Fields, copy, name);
  }
  return copy;
}

function copyField(from: Fields, to: Fields, name: string): void {
  try {
    Object.defineProperty(to, name, { ...VALUE, value: from[name] });
  } catch (cause) {
    const get = () => {
      throw cause;
    };
    Object.defineProperty(to, name, { enumerable: true, configurable: true, get });
  }
}

/**
 * Reports unknown fields, because search and rules don't find values under a wrong name. In nested objects, which may
 * have additional fields, only likely misspellings are reported. The same applies to the event itself if it has a
 * schema; `schema` holds the fields that the schema defines. `tenants` is only known with `hasTenants`.
 */
export function reportUnknown(
  event: unknown,
  report: Report,
  schema?: { readonly fields: object | undefined },
  hasTenants = false,
): void {
  if (!isFields(event)) {
    return;
  }
  const all = KNOWN[""] as readonly string[];
  reportIn(event, "", hasTenants ? all : all.filter((name) => name !== "tenants"), report, schema);
  for (const path of NESTED) {
    reportIn(valueAt(event, path), path, KNOWN[path] as readonly string[], report, schema);
  }
}

const NESTED = Object.keys(KNOWN).filter((path) => path !== "");

function reportIn(
  given: unknown,
  path: string,
  known: readonly string[],
  report: Report,
  schema?: { readonly fields: object | undefined },
) {
  if (!isFields(given)) {
    return;
  }
  for (const name of Object.keys(given)) {
    if (known.includes(name) || valueAt(given, name) === undefined) {
      continue;
    }
    const likely = likelyOf(name, path, known);
    const isOfSchema = schema !== undefined && hasAt(schema.fields, path, name);
    if (isOfSchema || (likely === undefined && (path !== "" || schema !== undefined))) {
      continue;
    }
    const member = path === "" ? name.slice(0, 64) : `${path}.${name.slice(0, 64)}`;
    // A recorder without the option `tenants` knows every other known field.
    const hint = KNOWN[path]?.includes(name)
      ? "use tenant, or create the recorder with the option `tenants` to record the event in several logs"
      : likely === undefined
        ? `move it to metadata; known fields: ${known.join(", ")}`
        : `use ${path === "" ? likely : `${path}.${likely}`}, or move it to metadata if it means something else`;
    report(invalid(`the field ${JSON.stringify(member)} is unknown`, hint, member), true);
  }
}

/** Returns the known field that an unknown name probably stands for. */
function likelyOf(name: string, path: string, known: readonly string[]): string | undefined {
  const bare = bareOf(name.slice(0, 64));
  const others = OTHER_NAMES[path];
  const same = known.find((one) => bareOf(one) === bare);
  // Short names are within one edit of nearly everything.
  const long = path === "" ? known : known.filter((one) => one.length > 3);
  return same ?? (others !== undefined && Object.hasOwn(others, bare) ? others[bare] : nearestOf(name, long));
}

/** Returns a name in lowercase, without separators. */
function bareOf(name: string): string {
  return name.toLowerCase().replace(/[\s._-]/g, "");
}

/** True if the schema's output has the field, or isn't an object there. */
function hasAt(fields: object | undefined, path: string, name: string): boolean {
  const at = path === "" ? fields : valueAt(fields, path);
  return !isFields(at) || Object.hasOwn(at, name);
}

/** Returns the value at a path; undefined if it's missing or throws when read. */
function valueAt(given: unknown, path: string): unknown {
  let at = given;
  try {
    for (const name of path.split(".")) {
      at = isFields(at) && Object.hasOwn(at, name) ? (at as Fields)[name] : undefined;
    }
    return at;
  } catch {
    return undefined;
  }
}

export function isFields(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
