/** Fields of an event that are recorded in its `metadata` (SPEC section 12). */

import { EVENT_ID, MAX_ID_LENGTH } from "../outbox/event-ids.js";
import { field } from "../own.js";
import { copyOf, isFields } from "./fields.js";
import { invalid, type Report, toJsonSlowly } from "./serialize.js";
import type { Service } from "./service.js";

/** The field of `metadata` with the targets besides `target`. */
const TARGETS = "targets";
/** The field of `metadata` with the program that recorded the event. */
const SERVICE = "service";

/** Maximum number of targets of an event. */
const MAX_TARGETS = 64;

/**
 * Returns an event with `id`, `targets`, and the service in the form in which they are recorded. Invalid ones are
 * reported and omitted. Returns the same object if nothing changes.
 */
export function expand(event: unknown, service: Service | undefined, report: Report): unknown {
  if (!isFields(event) || !(service !== undefined || Object.hasOwn(event, "id") || Object.hasOwn(event, "targets"))) {
    return event;
  }
  const made = copyOf(event);
  const metadata = metadataOf(made, report);
  moveId(made, metadata, report);
  moveTargets(made, metadata, report);
  if (service !== undefined && !Object.hasOwn(metadata, SERVICE)) {
    metadata[SERVICE] = { ...service };
  }
  if (Object.keys(metadata).length > 0) {
    made.metadata = metadata;
  }
  return made;
}

type Fields = Record<string, unknown>;

/** Removes the metadata of an event, and returns a copy of it in which fields can be set. */
function metadataOf(event: Fields, report: Report): Fields {
  const metadata = takeField(event, "metadata", report);
  if (metadata === undefined) {
    return {};
  }
  if (!isFields(metadata)) {
    report(invalid("metadata must be an object", "put the value into a field of `metadata`", "metadata"));
    return {};
  }
  const prototype: unknown = Object.getPrototypeOf(metadata);
  const isPlain = (prototype === Object.prototype || prototype === null) && !Object.hasOwn(metadata, "toJSON");
  // An error or a map, for example, has other fields as JSON.
  const { metadata: converted = {} } = (
    isPlain ? { metadata } : JSON.parse(toJsonSlowly({ metadata }, report))
  ) as Fields;
  return isFields(converted) ? copyOf(converted) : { value: converted };
}

/** Moves `id` to `metadata.event_id`. */
function moveId(event: Fields, metadata: Fields, report: Report): void {
  const id = takeField(event, "id", report);
  if (id === undefined) {
    return;
  }
  if (typeof id !== "string" || id === "" || id.length > MAX_ID_LENGTH || !id.isWellFormed()) {
    const hint = "pass an identifier of the event, such as that of the message that caused it";
    report(invalid(`id must be a string of 1 to ${MAX_ID_LENGTH} characters`, hint, "id"));
  } else if (isTaken(metadata, EVENT_ID, id)) {
    report(conflict("id", EVENT_ID));
  } else {
    metadata[EVENT_ID] = id;
  }
}

/** Moves the first of `targets` to `target`, and the others to `metadata.targets`. */
function moveTargets(event: Fields, metadata: Fields, report: Report): void {
  const given = takeField(event, "targets", report);
  if (given === undefined) {
    return;
  }
  if (!Array.isArray(given) || given.length === 0 || given.length > MAX_TARGETS) {
    const message = `targets must be an array of 1 to ${MAX_TARGETS} targets`;
    report(invalid(message, "put the most important object first; use one event for each group of others", "targets"));
    return;
  }
  const main = takeField(event, "target", report);
  if (main !== undefined) {
    event.target = main;
    const hint = "put all of them into `targets`; the first is the main one";
    report(invalid("the event has both `target` and `targets`", hint, "targets"));
    return;
  }
  const targets = given.filter((target, nth) => {
    const isRight = isTarget(target);
    if (!isRight) {
      const hint = 'pass { type: "job", id: "42" }, or ["job", 42]';
      report(invalid(`targets.${nth} must be a target with a type and an id`, hint, `targets.${nth}`));
    }
    return isRight;
  });
  const [first, ...others] = targets;
  if (first !== undefined) {
    event.target = first;
  }
  if (others.length === 0) {
    return;
  }
  if (isTaken(metadata, TARGETS, others)) {
    report(conflict("targets", TARGETS));
  } else {
    metadata[TARGETS] = others;
  }
}

/** Removes a field and returns its value; undefined if it is absent, `null`, or can't be read, which is reported. */
function takeField(event: Fields, name: string, report: Report): unknown {
  try {
    return Object.hasOwn(event, name) ? (event[name] ?? undefined) : undefined;
  } catch (cause) {
    report(invalid(`${name} can't be read`, "see the cause", name, cause));
    return undefined;
  } finally {
    delete event[name];
  }
}

function isTarget(target: unknown): boolean {
  const isText = (value: unknown) => typeof value === "string" && value !== "";
  const name = field(target, "name") ?? undefined;
  return (
    isFields(target) &&
    isText(field(target, "type")) &&
    isText(field(target, "id")) &&
    (name === undefined || isText(name))
  );
}

/** True if `metadata` has another value under this name. */
function isTaken(metadata: Fields, name: string, value: unknown): boolean {
  const found = Object.hasOwn(metadata, name) ? metadata[name] : undefined;
  return found !== undefined && found !== null && found !== value;
}

function conflict(option: string, name: string) {
  const hint = `use another name in \`metadata\`, or omit \`${option}\``;
  return invalid(`the recorder sets metadata.${name} of an event with \`${option}\``, hint, `metadata.${name}`);
}
