/** Assertions about recorded events, for `expect.extend` of any test framework, and standalone. */

import { CountersignError } from "../error.js";
import type { RecordedEvent, TestRecorder } from "./recorder.js";

/** The result of a matcher. */
export interface MatcherResult {
  pass: boolean;
  message: () => string;
  actual?: unknown;
  expected?: unknown;
}

/** The methods added to `expect(…)`, for `declare module "vitest"` and the like. */
export interface AuditMatchers<Result = unknown> {
  /** Asserts that an event with at least these fields was recorded. */
  toHaveRecorded(event: object): Result;
  /** Asserts that exactly `times` events with at least these fields were recorded. */
  toHaveRecordedTimes(times: number, event: object): Result;
  /** Asserts that the recorder's export verifies. */
  toBeVerified(): Promise<Result>;
}

/**
 * Matchers for `expect.extend(matchers)` in vitest, jest, bun:test, and others. In the expected event, a field may be a
 * matcher of the framework (`expect.any(String)`), a regular expression for a string, or `undefined` for a field that
 * must be absent.
 */
export const matchers = {
  toHaveRecorded(received: unknown, event: object): MatcherResult {
    const events = eventsOf(received);
    const pass = events.some((one) => matches(one, event));
    return result(pass, `a recorded event like ${shown(event)}`, events, event);
  },

  toHaveRecordedTimes(received: unknown, times: number, event: object): MatcherResult {
    const events = eventsOf(received);
    const found = events.filter((one) => matches(one, event)).length;
    return result(found === times, `${times} recorded events like ${shown(event)} (found ${found})`, events, event);
  },

  async toBeVerified(received: unknown): Promise<MatcherResult> {
    eventsOf(received);
    try {
      await (received as TestRecorder).verified();
    } catch (error) {
      return { pass: false, message: () => `${error}` };
    }
    return { pass: true, message: () => "expected the export not to verify" };
  },
};

/**
 * Returns the first event with at least these fields, or throws, for `node:test` and other frameworks based on
 * exceptions.
 *
 * @example
 * ```ts
 * assertRecorded(audit, { action: "job.delete", actor: { id: "u_1" } });
 * ```
 */
export function assertRecorded(audit: Pick<TestRecorder, "events">, event: object): RecordedEvent {
  const events = eventsOf(audit);
  const found = events.find((one) => matches(one, event));
  if (found === undefined) {
    const { message } = matchers.toHaveRecorded(audit, event);
    throw Object.assign(new Error(message()), {
      name: "AssertionError",
      code: "ERR_ASSERTION",
      actual: events,
      expected: event,
    });
  }
  return found;
}

function result(pass: boolean, what: string, actual: readonly RecordedEvent[], expected: object): MatcherResult {
  const message = () =>
    `${pass ? "did not expect" : "expected"} ${what} among ${actual.length}:\n${actual.map(shown).join("\n")}`;
  return { pass, message, actual, expected };
}

function eventsOf(received: unknown): readonly RecordedEvent[] {
  if (typeof received === "object" && received !== null && "events" in received) {
    const { events } = received;
    if (typeof events === "function") {
      return (received as Pick<TestRecorder, "events">).events();
    }
  }
  throw new CountersignError("options.invalid", "the value must be a test recorder", {
    member: "received",
    hint: "pass the result of createTestRecorder, not a wrapper around it",
  });
}

/** True if the value has everything that is expected. */
function matches(actual: unknown, expected: unknown): boolean {
  if (typeof expected !== "object" || expected === null) {
    return Object.is(actual, expected);
  }
  if ("asymmetricMatch" in expected && typeof expected.asymmetricMatch === "function") {
    return expected.asymmetricMatch(actual) === true;
  }
  if (expected instanceof RegExp) {
    return typeof actual === "string" && actual.search(expected) >= 0;
  }
  if (expected instanceof Date) {
    return actual === expected.toISOString();
  }
  if (typeof actual !== "object" || actual === null || Array.isArray(actual) !== Array.isArray(expected)) {
    return false;
  }
  if (Array.isArray(actual) && actual.length !== (expected as unknown[]).length) {
    return false;
  }
  return Object.entries(expected).every(([name, value]) =>
    matches(Object.hasOwn(actual, name) ? (actual as Record<string, unknown>)[name] : undefined, value),
  );
}

function shown(value: unknown): string {
  return JSON.stringify(value, (_, one: unknown) => (one instanceof RegExp ? `${one}` : one)) ?? "nothing";
}
