/** Events with a schema each, of any library that implements Standard Schema (standardschema.dev). */

import { CountersignError, must } from "../error.js";
import { field } from "../own.js";
import type { Catalog } from "../record/event.js";

/** What is needed of a Standard Schema, version 1. */
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

/** A schema for each action, of the event's members beside `action`. */
export interface Schemas {
  readonly [action: string]: Schema;
}

/** What events may hold, as the schemas have it. */
export type EventsOf<S extends Schemas> = {
  [Action in keyof S & string]: NonNullable<S[Action]["~standard"]["types"]>["input"];
};

/** What the adapters record by themselves. */
const BUILT_IN = ["http.request"];

/** As much of a schema's own words as is told. */
const MESSAGE = 300;

/**
 * Lists a program's events: `createRecorder({ …, events })` takes only these, typed, and checks each with its action's
 * schema when it is recorded. A schema sees the event without its `action`, and only checks: the event is recorded as it
 * was given, whatever the schema would make of it. What adapters record by themselves (`http.request`) needs none.
 *
 *     const events = defineEvents({ "job.delete": z.object({ target: z.object({ type: z.literal("job"), id: z.string() }) }) });
 */
export function defineEvents<S extends Schemas>(schemas: S): Catalog<EventsOf<S>> {
  const each = 'give a schema for each action: defineEvents({ "job.delete": z.object({ … }) })';
  must(typeof schemas === "object" && schemas !== null, "schemas", "no schemas", each);
  for (const action of Object.keys(schemas)) {
    const standard = schemas[action]?.["~standard"];
    const hint =
      "give one of zod from 3.24 on, valibot from 1.0 on, arktype from 2.0 on, or another that standardschema.dev lists";
    must(
      standard?.version === 1 && typeof standard.validate === "function",
      action,
      `${quoted(action)} has no schema that implements Standard Schema`,
      hint,
    );
  }
  const check = (event: object) => {
    const { action: _, ...members } = event as { action?: unknown };
    const action = field(event, "action");
    if (typeof action !== "string") {
      // What it lacks is said by who records it.
      return undefined;
    }
    const schema = Object.hasOwn(schemas, action) ? schemas[action] : undefined;
    if (schema !== undefined) {
      return validate(schema, action, members);
    }
    if (!BUILT_IN.includes(action)) {
      throw new CountersignError("event.invalid", `${quoted(action)} is not among the recorder's events`, {
        member: "action",
        hint: "give defineEvents a schema for it",
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
    const hint = "see the cause: a schema tells what is wrong with an event, and throws nothing";
    throw new CountersignError("event.invalid", `the schema of ${quoted(action)} failed`, { hint, cause });
  }
  if (result instanceof Promise) {
    // What becomes of it is of no use any more.
    result.catch(() => {});
    throw new CountersignError("event.invalid", `the schema of ${quoted(action)} answers later`, {
      hint: "an event is checked when it is recorded: use no asynchronous refinement or transformation",
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
  const hint = withoutValue(message, value).slice(0, MESSAGE);
  const member = names.length === 0 ? undefined : names.map(String).join(".");
  const where = member === undefined ? "" : `: ${member}`;
  return new CountersignError("event.invalid", `${quoted(action)} is not as its schema has it${where}`, {
    member,
    hint,
  });
}

/** Some libraries quote the value, which can be what nobody may read in a program's own log. */
function withoutValue(message: string, value: unknown): string {
  const isPrimitive = typeof value === "string" || typeof value === "number" || typeof value === "bigint";
  const text = isPrimitive ? `${value}` : "";
  return text === "" ? message : message.replaceAll(text, "…").replaceAll(JSON.stringify(text).slice(1, -1), "…");
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    // Who records it says what is wrong with it.
    return undefined;
  }
}

function quoted(action: string): string {
  return JSON.stringify(action.slice(0, 64));
}
