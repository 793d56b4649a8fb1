/**
 * Input that a gate can't judge: events without a JSON form, or that the core rejects because they are malformed, too
 * deep, or too large. Their sender caused this, so no gate fails open because of it.
 */

import { CountersignError } from "../error.js";
import type { EventToBe } from "./decision.js";

/** The code of errors in an event, which are its sender's. */
const INVALID = "event.invalid";

/** True if the error is one in the input, not in a part of the gate. */
export function isInputError({ code }: CountersignError): boolean {
  return code === INVALID;
}

/** Returns the error for input that can't be judged. */
export function inputError(message: string, member?: string, cause?: unknown): CountersignError {
  const hint = "send plain JSON data of at most 256 KiB, without lone surrogates and nested at most 64 levels deep";
  return new CountersignError(INVALID, message, { member, hint, cause });
}

/** Returns the JSON text of an event. Throws `event.invalid` if JSON can't express the event. */
export function judgedText(event: EventToBe): string {
  try {
    mustBeFinite(event);
    return JSON.stringify(event);
  } catch (cause) {
    throw inputError("the event has no JSON form", undefined, cause);
  }
}

/** True if the value contains no number that JSON can't express, and no circle. */
export function hasFiniteNumbers(value: unknown): boolean {
  try {
    mustBeFinite(value);
    return true;
  } catch {
    return false;
  }
}

/** Throws if the value contains a number that JSON would turn into `null`. */
function mustBeFinite(value: unknown): void {
  if (typeof value === "object" && value !== null) {
    Object.values(value).forEach(mustBeFinite);
  } else if (typeof value === "number" && !Number.isFinite(value)) {
    throw new RangeError(`${value} is not a JSON number`);
  }
}
