/**
 * Validates events and turns them into JSON. A problem in an event is either thrown, or reported while the rest is
 * recorded.
 */

import { CountersignError, callOnError } from "../error.js";
import { field } from "../own.js";
import type { AuditEvent, Catalog, EventInput } from "./event.js";
import { expand } from "./expand.js";
import { copyOf, isFields, normalized, reportUnknown } from "./fields.js";
import { withValidPrincipal } from "./on-behalf-of.js";
import { invalid, type Report, refuse, toJson, toJsonSlowly } from "./serialize.js";
import type { Service } from "./service.js";
import { SHARED_ID, tenantsOf } from "./shared-event.js";

type Fields = Record<string, unknown>;

/** A problem in a field of an event. `isKept` is true if the value was recorded anyway. */
export interface EventProblem {
  readonly error: CountersignError;
  readonly isKept: boolean;
}

/** Settings of an intake. */
export interface IntakeOptions {
  readonly beforeRecord: ((event: AuditEvent) => EventInput) | undefined;
  readonly events: Catalog | undefined;
  /** With it, each event needs a tenant, unless there is a default. */
  readonly tenants?: { readonly defaultTenant: string | undefined } | undefined;
  /** The program that records events. */
  readonly service?: Service | undefined;
  /** True if problems are reported; false if they are thrown. */
  readonly reports: boolean;
  readonly onError: (error: CountersignError) => void;
}

/** Queues the JSON text of an event, with the problems found in it. */
type Enqueue<Result> = (json: string, problems: readonly EventProblem[]) => Result;

/** The field of `metadata` that lists an event's problems. */
const NOTE = "countersign_problems";
/** Maximum number of problems listed in an event. */
const MAX_NOTED = 16;
/** Maximum length of a problem in an event, in characters. */
const MAX_PROBLEM = 200;
/** Maximum number of fields to omit before the event is rejected. */
const MAX_TRIES = 64;

declare const process: { readonly env: { readonly [name: string]: string | undefined } };

/**
 * True in development and tests, where an invalid event should be noticed: if `NODE_ENV` says so, or in the Node.js
 * test runner. An invalid event must not make a handler fail elsewhere, even if the variable isn't set.
 */
export function isDevelopment(): boolean {
  try {
    // Bundlers replace this with a string.
    const mode = process.env.NODE_ENV;
    if (mode !== undefined && mode !== "") {
      return mode === "development" || mode === "test";
    }
    // Deno prompts for permission to read other variables.
    return !("Deno" in globalThis) && process.env.NODE_TEST_CONTEXT !== undefined;
  } catch {
    return false;
  }
}

/** Turns events into JSON text and passes it on. */
export class Intake {
  readonly #options: IntakeOptions;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /**
   * Validates an event and passes its text to `enqueue`, along with the event's problems. `enqueue` throws
   * `event.invalid` if the text isn't a valid event. `earlier` holds problems found when the event was first read.
   */
  record<Result>(input: unknown, enqueue: Enqueue<Result>, earlier: readonly EventProblem[] = []): Result {
    const { reports } = this.#options;
    const problems = [...earlier];
    const report = reports ? collectedIn(problems) : refuse;
    let event = this.#read(input, report);
    const { tenants, service } = this.#options;
    event = withValidPrincipal(expand(event, service, report), report);
    if (tenants !== undefined && isFields(event)) {
      if (tenantsOf(event) !== undefined) {
        event = withMetadata(event, report);
      } else if (tenants.defaultTenant === undefined && !hasTenant(event)) {
        throw withoutTenant();
      }
    }
    const found = problems.length;
    let refusal: CountersignError | undefined;
    try {
      const json = toJson(event, report);
      if (problems.length === 0) {
        return enqueue(json, []);
      }
    } catch (cause) {
      if (!isInvalid(cause) || !isFields(event)) {
        throw cause;
      }
      refusal = cause;
    }
    if (!reports) {
      // Checking value by value finds the full path.
      toJsonSlowly(event as object, refuse);
      throw refusal;
    }
    return this.#recordRest(event as object, problems.slice(0, found), enqueue);
  }

  /**
   * Passes on text that `record` made of an event. `earlier` holds the event's problems, which were already reported.
   */
  recordText<Result>(json: string, earlier: readonly EventProblem[], enqueue: Enqueue<Result>): Result {
    try {
      return enqueue(json, earlier);
    } catch (cause) {
      if (!this.#options.reports || !isInvalid(cause)) {
        throw cause;
      }
    }
    return this.#recordRest(JSON.parse(json), [...earlier], enqueue, earlier.length);
  }

  #read(input: unknown, report: Report): unknown {
    const { beforeRecord, events } = this.#options;
    let event = normalized(input);
    if (beforeRecord !== undefined && isFields(event)) {
      event = normalized(replaceEvent(beforeRecord, event as AuditEvent));
    }
    let schema: { fields: object | undefined } | undefined;
    if (events !== undefined && isFields(event)) {
      schema = { fields: undefined };
      try {
        const parsed = events.check(event);
        schema.fields = isFields(parsed) ? parsed : undefined;
      } catch (cause) {
        if (!isInvalid(cause)) {
          throw cause;
        }
        report(cause, true);
      }
    }
    reportUnknown(event, report, schema, this.#options.tenants !== undefined);
    return event;
  }

  /**
   * Records the valid part of an event, with a list of its problems. The first `reported` of them were already
   * reported.
   */
  #recordRest<Result>(event: object, problems: EventProblem[], enqueue: Enqueue<Result>, reported = 0): Result {
    // A copy that fields can be removed from.
    const rest = JSON.parse(toJsonSlowly(event, collectedIn(problems))) as Fields;
    for (let tries = 0; ; tries++) {
      try {
        const result = enqueue(JSON.stringify(withProblems(rest, problems)), [...problems]);
        for (const { error, isKept } of problems.slice(reported)) {
          callOnError(this.#options.onError, problemError(error, isKept));
        }
        return result;
      } catch (cause) {
        const problem = isInvalid(cause) && tries < MAX_TRIES ? omit(rest, cause) : undefined;
        if (problem === undefined) {
          throw cause;
        }
        problems.push(problem);
      }
    }
  }
}

/** Serializes an event that will be recorded later, so that changes to the object have no effect. */
export function frozen(input: unknown, reports: boolean): { json: string; problems: readonly EventProblem[] } {
  const problems: EventProblem[] = [];
  const json = toJson(normalized(input), reports ? collectedIn(problems) : refuse);
  return { json, problems };
}

/** True if the event has a tenant, or a value in its place that is then checked. */
function hasTenant(event: object): boolean {
  const tenant = field(event, "tenant");
  return tenant !== undefined && tenant !== null && tenant !== "";
}

/** Returns an event whose `metadata` can contain the value that links its copies. */
function withMetadata(event: object, report: Report): object {
  const metadata = field(event, "metadata") ?? undefined;
  if (metadata === undefined || isFields(metadata)) {
    return event;
  }
  report(invalid("metadata must be an object", "put the value into a field of `metadata`", "metadata"));
  const rest = copyOf(event);
  delete rest.metadata;
  return rest;
}

/** Returns the error for an event without a tenant, if each needs one. */
export function withoutTenant(): CountersignError {
  const hint =
    "set the event's `tenant` or `tenants`, or add one to all events with `with({ tenant })` or the option `defaultTenant`";
  return invalid("the event has no `tenant`, which selects the log", hint, "tenant");
}

function collectedIn(problems: EventProblem[]): Report {
  return (error, isKept = false) => {
    // The first problem beyond the limit is kept to show that there are more.
    if (problems.length <= MAX_NOTED) {
      problems.push({ error, isKept });
    }
  };
}

function isInvalid(cause: unknown): cause is CountersignError {
  return cause instanceof CountersignError && cause.code === "event.invalid";
}

function replaceEvent(beforeRecord: (event: AuditEvent) => EventInput, event: AuditEvent): AuditEvent {
  let replacement: unknown;
  try {
    replacement = beforeRecord(event);
  } catch (cause) {
    throw invalid("beforeRecord threw an error", "see the cause", undefined, cause);
  }
  if (typeof replacement !== "object" || replacement === null || typeof field(replacement, "then") === "function") {
    const hint = "return the event to record, synchronously; events can't be skipped";
    throw invalid("beforeRecord must return an event", hint);
  }
  return replacement as AuditEvent;
}

/**
 * Removes the field that was rejected: the value itself, its parent if a required field is missing, or the largest
 * field if the event is too large. Returns undefined if nothing can be removed.
 */
function omit(event: Fields, error: CountersignError): EventProblem | undefined {
  const { member } = error;
  const path = member === undefined ? largestOf(event) : existingPath(event, member.split("."));
  const [name] = path;
  if (name === undefined || (path.length === 1 && name === "action")) {
    return undefined;
  }
  const last = path.at(-1) as string;
  const holder = path.slice(0, -1).reduce<unknown>((at, one) => (at as Fields)[one], event) as Fields;
  const { [SHARED_ID]: shared } = Object(holder[last]) as Fields;
  delete holder[last];
  if (path.length === 1 && name === "metadata" && typeof shared === "string") {
    // It links the copies of an event.
    event.metadata = { [SHARED_ID]: shared };
  }
  return { error: invalid(error.message, error.hint ?? "", path.join("."), error), isKept: false };
}

/** Returns the longest prefix of a path that exists in the event. */
function existingPath(event: Fields, path: readonly string[]): readonly string[] {
  let at: unknown = event;
  for (const [depth, name] of path.entries()) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) {
      return path.slice(0, depth);
    }
    at = (at as Fields)[name];
  }
  return path;
}

/** Returns the path of the largest field that isn't required. */
function largestOf(event: Fields): readonly string[] {
  const parts = Object.keys(event)
    .filter((name) => name !== "action")
    .map((name) => ({ name, size: JSON.stringify(event[name])?.length ?? 0 }))
    .sort((a, b) => b.size - a.size);
  return parts[0] === undefined ? [] : [parts[0].name];
}

/** Returns the event with its problems listed in `metadata`. */
function withProblems(event: Fields, problems: readonly EventProblem[]): object {
  const list = problems.slice(0, MAX_NOTED).map(({ error: { message, member }, isKept }) => ({
    field: member ?? "",
    problem: message.slice(0, MAX_PROBLEM).toWellFormed(),
    recorded: isKept,
  }));
  const all =
    problems.length === list.length ? list : [...list, { field: "", problem: "more problems", recorded: false }];
  const metadata = Object.hasOwn(event, "metadata") ? event.metadata : {};
  if (!isFields(metadata)) {
    // The event is rejected for this, and `metadata` is then removed.
    return event;
  }
  const made = copyOf(event);
  made.metadata = { ...metadata, [NOTE]: all };
  return made;
}

function problemError(error: CountersignError, isKept: boolean): CountersignError {
  const { message, member, cause } = error;
  const what = isKept ? "an event was recorded with a problem" : "an event was recorded without an invalid value";
  return new CountersignError("event.invalid", `${what}: ${message}`, { hint: error.hint || undefined, member, cause });
}

/** Decodes JSON text. Throws `event.invalid` if it isn't valid UTF-8 or a well-formed string. */
export function textOf(json: string | Uint8Array): string {
  if (typeof json === "string") {
    if (json.isWellFormed()) {
      return json;
    }
    // A lone surrogate has no UTF-8 and would be replaced on the way.
    throw invalid("the JSON text contains a lone surrogate", "escape both halves of the pair, or write U+FFFD instead");
  }
  if (!(json instanceof Uint8Array)) {
    throw invalid("recordJson needs a string or a Uint8Array", "pass JSON text to recordJson, and objects to record");
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json);
  } catch (cause) {
    throw invalid("the JSON text is not valid UTF-8", "encode it as UTF-8", undefined, cause);
  }
}
