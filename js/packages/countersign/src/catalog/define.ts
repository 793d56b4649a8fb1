/**
 * Catalogs of events, with a schema per action from any library that implements Standard Schema (standardschema.dev).
 */

import { CountersignError, must } from "../error.js";
import { field } from "../own.js";
import type { Catalog } from "../record/event.js";

/** The parts of a Standard Schema, version 1, that are used. */
export interface Schema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => Result | Promise<Result>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

interface Result {
  readonly value?: unknown;
  readonly issues?: readonly Issue[] | undefined;
}

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** A schema for each action. It validates the event's fields other than `action`. */
export interface Schemas {
  readonly [action: string]: Schema;
}

/** The event types that the schemas describe. */
export type EventsOf<S extends Schemas> = {
  [Action in keyof S & string]: NonNullable<S[Action]["~standard"]["types"]>["input"];
};

/** Actions that adapters record by themselves. */
const BUILT_IN = ["http.request", "tool.call", "resource.read", "prompt.get", "model.call"];

/** Maximum length of a schema's message, in characters. */
const MAX_MESSAGE = 300;

/**
 * Defines a program's events: a recorder with this catalog as `events` accepts only these, typed, and validates each
 * with its action's schema. A schema sees the event without its `action` and only validates: its output doesn't replace
 * the recorded event. Events that adapters record (`http.request`, `tool.call` …) need no schema.
 *
 * @example
 * ```ts
 * const events = defineEvents({
 *   "job.delete": z.object({ target: z.object({ type: z.literal("job"), id: z.string() }) }),
 * });
 * ```
 */
export function defineEvents<S extends Schemas>(schemas: S): Catalog<EventsOf<S>> {
  const each = 'pass a schema for each action: defineEvents({ "job.delete": z.object({ … }) })';
  must(typeof schemas === "object" && schemas !== null, "schemas", "`schemas` must be an object", each);
  for (const action of Object.keys(schemas)) {
    const standard = schemas[action]?.["~standard"];
    const hint = "use zod 3.24, valibot 1.0, arktype 2.0, or later, or another library listed on standardschema.dev";
    must(
      standard?.version === 1 && typeof standard.validate === "function",
      action,
      `the schema of ${quoted(action)} does not implement Standard Schema`,
      hint,
    );
  }
  const check = (event: object) => {
    const { action: _, ...members } = event as { action?: unknown };
    const action = field(event, "action");
    if (typeof action !== "string") {
      // The recorder reports the missing action.
      return undefined;
    }
    const schema = Object.hasOwn(schemas, action) ? schemas[action] : undefined;
    if (schema !== undefined) {
      return validate(schema, action, members);
    }
    if (!BUILT_IN.includes(action)) {
      throw new CountersignError("event.invalid", `${quoted(action)} is not in the recorder's catalog of events`, {
        member: "action",
        hint: "add a schema for it to defineEvents",
      });
    }
    return undefined;
  };
  const checkJson = (json: string) => {
    const event = parsed(json);
    if (typeof event === "object" && event !== null) {
      check(event);
    }
  };
  return { check, checkJson };
}

function validate(schema: Schema, action: string, members: object): unknown {
  let result: Result | Promise<Result>;
  try {
    result = schema["~standard"].validate(members);
  } catch (cause) {
    const hint = "see the cause; a schema must return issues instead of throwing";
    throw new CountersignError("event.invalid", `the schema of ${quoted(action)} threw an error`, { hint, cause });
  }
  if (result instanceof Promise) {
    // The result isn't used; avoid an unhandled rejection.
    result.catch(() => {});
    throw new CountersignError("event.invalid", `the schema of ${quoted(action)} is asynchronous`, {
      hint: "remove asynchronous refinements and transformations, because events are validated synchronously",
    });
  }
  const [first] = result.issues ?? [];
  if (first !== undefined) {
    throw refused(action, members, first);
  }
  return result.value;
}

function refused(action: string, members: object, { message, path = [] }: Issue): CountersignError {
  const names = path.map((one) => (typeof one === "object" ? one.key : one));
  let value: unknown = members;
  for (const name of names) {
    value = (value as Record<PropertyKey, unknown> | null | undefined)?.[name];
  }
  const hint = withoutValue(message, value).slice(0, MAX_MESSAGE);
  const member = names.length === 0 ? undefined : names.map(String).join(".");
  const where = member === undefined ? "" : `: ${member}`;
  return new CountersignError("event.invalid", `${quoted(action)} does not match its schema${where}`, {
    member,
    hint,
  });
}

/** Removes the value from a message: some libraries quote it, and it may be too sensitive for a program's log. */
function withoutValue(message: string, value: unknown): string {
  const isPrimitive = typeof value === "string" || typeof value === "number" || typeof value === "bigint";
  const text = isPrimitive ? `${value}` : "";
  return text === "" ? message : message.replaceAll(text, "…").replaceAll(JSON.stringify(text).slice(1, -1), "…");
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // The recorder reports invalid JSON.
    return undefined;
  }
}

function quoted(action: string): string {
  return JSON.stringify(action.slice(0, 64));
}
