/** Events as `record` takes them: what is wrong with one is thrown, or reported and the rest recorded. */

import { CountersignError, tell } from "../error.js";
import { field } from "../own.js";
import type { AuditEvent, Catalog, EventInput } from "./event.js";
import { copyOf, isFields, normalized, reportUnknown } from "./fields.js";
import { invalid, type Report, refuse, toJson, toJsonSlowly } from "./serialize.js";

type Fields = Record<string, unknown>;

/** What is wrong with a part of an event; `isKept` if it was recorded all the same. */
export interface EventProblem {
  readonly error: CountersignError;
  readonly isKept: boolean;
}

/** How events are taken. */
export interface IntakeOptions {
  readonly beforeRecord: ((event: AuditEvent) => EventInput) | undefined;
  readonly events: Catalog | undefined;
  /** True if what is wrong with an event is reported, and false if it is thrown. */
  readonly reports: boolean;
  readonly onError: (error: CountersignError) => void;
}

/** Queues an event's text, given what was wrong with the event. */
type Take<Taken> = (json: string, problems: readonly EventProblem[]) => Taken;

/** The field of `metadata` that lists what is wrong with an event. */
const NOTE = "countersign_problems";
/** The problems that an event lists. */
const MAX_NOTED = 16;
/** The characters of a problem in an event. */
const MAX_PROBLEM = 200;
/** The parts of an event that are left out before it is given up. */
const MAX_TRIES = 64;

declare const process: { readonly env: { readonly [name: string]: string | undefined } };

/**
 * True in development and in tests, where an event that is not right should be noticed: `NODE_ENV` says so, or the test
 * runner of Node.js. Everywhere else it must not make a handler fail, also where the variable was forgotten.
 */
export function isDevelopment(): boolean {
  try {
    // Bundlers replace this by a string.
    const mode = process.env.NODE_ENV;
    if (mode !== undefined && mode !== "") {
      return mode === "development" || mode === "test";
    }
    // Deno asks before it reads others.
    return !("Deno" in globalThis) && process.env.NODE_TEST_CONTEXT !== undefined;
  } catch {
    return false;
  }
}

/** Makes events' texts, for what queues them. */
export class Intake {
  readonly #options: IntakeOptions;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /**
   * Takes an event. `take` queues its text, and throws `event.invalid` if it is no event; it is told what was wrong with
   * the event, too. `earlier` is what was wrong with it when it was read before.
   */
  record<Taken>(given: unknown, take: Take<Taken>, earlier: readonly EventProblem[] = []): Taken {
    const { reports } = this.#options;
    const problems = [...earlier];
    const report = reports ? collectedIn(problems) : refuse;
    const event = this.#read(given, report);
    const found = problems.length;
    let refusal: CountersignError | undefined;
    try {
      const json = toJson(event, report);
      if (problems.length === 0) {
        return take(json, []);
      }
    } catch (cause) {
      if (!isInvalid(cause) || !isFields(event)) {
        throw cause;
      }
      refusal = cause;
    }
    if (!reports) {
      // Where it is found by looking at each value, the path is whole.
      toJsonSlowly(event as object, refuse);
      throw refusal;
    }
    return this.#recordRest(event as object, problems.slice(0, found), take);
  }

  /** Takes a text that `record` made of an event. `earlier` was wrong with the event, and was reported. */
  recordText<Taken>(json: string, earlier: readonly EventProblem[], take: Take<Taken>): Taken {
    try {
      return take(json, earlier);
    } catch (cause) {
      if (!this.#options.reports || !isInvalid(cause)) {
        throw cause;
      }
    }
    return this.#recordRest(JSON.parse(json), [...earlier], take, earlier.length);
  }

  #read(given: unknown, report: Report): unknown {
    const { beforeRecord, events } = this.#options;
    let event = normalized(given);
    if (beforeRecord !== undefined && isFields(event)) {
      event = normalized(replaced(beforeRecord, event as AuditEvent));
    }
    let schema: { fields: object | undefined } | undefined;
    if (events !== undefined && isFields(event)) {
      schema = { fields: undefined };
      try {
        const made = events.check(event);
        schema.fields = isFields(made) ? made : undefined;
      } catch (cause) {
        if (!isInvalid(cause)) {
          throw cause;
        }
        report(cause, true);
      }
    }
    reportUnknown(event, report, schema);
    return event;
  }

  /** Records what is right of an event, with a list of what was wrong; so many of these problems were reported. */
  #recordRest<Taken>(event: object, problems: EventProblem[], take: Take<Taken>, reported = 0): Taken {
    // A copy, of which parts can be left out.
    const rest = JSON.parse(toJsonSlowly(event, collectedIn(problems))) as Fields;
    for (let tries = 0; ; tries++) {
      try {
        const taken = take(JSON.stringify(noted(rest, problems)), [...problems]);
        for (const { error, isKept } of problems.slice(reported)) {
          tell(this.#options.onError, told(error, isKept));
        }
        return taken;
      } catch (cause) {
        const problem = isInvalid(cause) && tries < MAX_TRIES ? leaveOut(rest, cause) : undefined;
        if (problem === undefined) {
          throw cause;
        }
        problems.push(problem);
      }
    }
  }
}

/** Reads an event that is recorded later: as it is now, whatever becomes of the object. */
export function frozen(given: unknown, reports: boolean): { json: string; problems: readonly EventProblem[] } {
  const problems: EventProblem[] = [];
  const json = toJson(normalized(given), reports ? collectedIn(problems) : refuse);
  return { json, problems };
}

function collectedIn(problems: EventProblem[]): Report {
  return (error, isKept = false) => {
    // One more than is listed says that there are more.
    if (problems.length <= MAX_NOTED) {
      problems.push({ error, isKept });
    }
  };
}

function isInvalid(cause: unknown): cause is CountersignError {
  return cause instanceof CountersignError && cause.code === "event.invalid";
}

function replaced(beforeRecord: (event: AuditEvent) => EventInput, event: AuditEvent): AuditEvent {
  let made: unknown;
  try {
    made = beforeRecord(event);
  } catch (cause) {
    throw invalid("beforeRecord failed", "see the cause", undefined, cause);
  }
  if (typeof made !== "object" || made === null || typeof field(made, "then") === "function") {
    const hint = "it gives the event to record, at once: an audit log leaves none out";
    throw invalid("beforeRecord gave no event", hint);
  }
  return made as AuditEvent;
}

/**
 * Leaves out the part of an event that was refused: the value itself, or what holds it if a required one is missing, or
 * the largest part if there is too much. Returns undefined if nothing can be left out.
 */
function leaveOut(event: Fields, error: CountersignError): EventProblem | undefined {
  const { member } = error;
  const path = member === undefined ? largestOf(event) : present(event, member.split("."));
  const [name] = path;
  if (name === undefined || (path.length === 1 && name === "action")) {
    return undefined;
  }
  const last = path.at(-1) as string;
  const holder = path.slice(0, -1).reduce<unknown>((at, one) => (at as Fields)[one], event) as Fields;
  delete holder[last];
  return { error: invalid(error.message, error.hint ?? "", path.join("."), error), isKept: false };
}

/** The longest beginning of a path that there is. */
function present(event: Fields, path: readonly string[]): readonly string[] {
  let at: unknown = event;
  for (const [depth, name] of path.entries()) {
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, name)) {
      return path.slice(0, depth);
    }
    at = (at as Fields)[name];
  }
  return path;
}

/** The largest part that an event can do without. */
function largestOf(event: Fields): readonly string[] {
  const parts = Object.keys(event)
    .filter((name) => name !== "action")
    .map((name) => ({ name, size: JSON.stringify(event[name])?.length ?? 0 }))
    .sort((a, b) => b.size - a.size);
  return parts[0] === undefined ? [] : [parts[0].name];
}

/** The event with a list of what is wrong with it. */
function noted(event: Fields, problems: readonly EventProblem[]): object {
  const list = problems.slice(0, MAX_NOTED).map(({ error: { message, member }, isKept }) => ({
    field: member ?? "",
    problem: message.slice(0, MAX_PROBLEM).toWellFormed(),
    recorded: isKept,
  }));
  const all = problems.length === list.length ? list : [...list, { field: "", problem: "and more", recorded: false }];
  const metadata = Object.hasOwn(event, "metadata") ? event.metadata : {};
  if (!isFields(metadata)) {
    // It is refused, and left out then.
    return event;
  }
  const made = copyOf(event);
  made.metadata = { ...metadata, [NOTE]: all };
  return made;
}

function told(error: CountersignError, isKept: boolean): CountersignError {
  const { message, member, cause } = error;
  const what = isKept ? "an event was recorded with a problem" : "an event was recorded without a part";
  return new CountersignError("event.invalid", `${what}: ${message}`, { hint: error.hint || undefined, member, cause });
}

/** Decodes JSON text. Throws `event.invalid` if it is no text in UTF-8. */
export function textOf(json: string | Uint8Array): string {
  if (typeof json === "string") {
    if (json.isWellFormed()) {
      return json;
    }
    // It has no UTF-8, and would be replaced on the way.
    throw invalid("half of a surrogate pair", "write both halves, or U+FFFD");
  }
  if (!(json instanceof Uint8Array)) {
    throw invalid("neither text nor bytes", "record takes objects, recordJson JSON text");
  }
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json);
  } catch (cause) {
    throw invalid("not UTF-8", "JSON text is UTF-8", undefined, cause);
  }
}
