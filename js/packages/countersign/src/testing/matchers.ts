/** What tests say of recorded events, for any framework's `expect.extend`, and for those that have none. */

import { CountersignError } from "../error.js";
import type { RecordedEvent, TestRecorder } from "./recorder.js";

/** What a matcher gives. */
export interface MatcherResult {
  pass: boolean;
  message: () => string;
  actual?: unknown;
  expected?: unknown;
}

/** What `expect(…)` has beside its own, for `declare module "vitest"` and the like. */
export interface AuditMatchers<Result = unknown> {
  /** An event was recorded that has these members, with whatever others. */
  toHaveRecorded(event: object): Result;
  /** So many were. */
  toHaveRecordedTimes(times: number, event: object): Result;
  /** What was recorded makes an export that verifies. */
  toBeVerified(): Promise<Result>;
}

/**
 * For `expect.extend(matchers)`, in vitest, jest, bun:test and others. In what is expected a member may be a matcher of
 * the framework's (`expect.any(String)`), a regular expression for a text, and `undefined` for what must not be there.
 */
export const matchers = {
  toHaveRecorded(received: unknown, event: object): MatcherResult {
    const events = eventsOf(received);
    const pass = events.some((one) => matches(one, event));
    return result(pass, `an event like ${shown(event)} recorded`, events, event);
  },

  toHaveRecordedTimes(received: unknown, times: number, event: object): MatcherResult {
    const events = eventsOf(received);
    const found = events.filter((one) => matches(one, event)).length;
    return result(found === times, `${times} events like ${shown(event)}, of which there are ${found},`, events, event);
  },

  async toBeVerified(received: unknown): Promise<MatcherResult> {
    eventsOf(received);
    try {
      await (received as TestRecorder).verified();
    } catch (error) {
      return { pass: false, message: () => `${error}` };
    }
    return { pass: true, message: () => "expected an export that does not verify" };
  },
};

/**
 * Gives the first event that has these members, or throws, for `node:test` and all else that goes by what is thrown.
 *
 *     assertRecorded(audit, { action: "job.delete", actor: { id: "u_1" } });
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
  throw new CountersignError("options.invalid", "no recorder of a test", {
    member: "received",
    hint: "give what createTestRecorder made, not what wraps it",
  });
}

/** Whether all that is expected is there. */
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
