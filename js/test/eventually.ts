/** Waiting for what another process, page, or background task does. */

import assert from "node:assert/strict";
import timers from "node:timers/promises";
import { inspect } from "node:util";

// Tests that mock the timers wait too.
const pause = timers.setTimeout;

const FIRST_PAUSE_MS = 1;
const LONGEST_PAUSE_MS = 50;

/**
 * Reads a value again and again until it is as expected, and returns it. Fails after `withinMs`, also if a read hangs;
 * the message then ends with the value that was read last. What `read` throws is thrown at once.
 */
export async function eventually<Value>(
  expected: string,
  read: () => Value | Promise<Value>,
  isExpected: (value: Value) => boolean,
  withinMs = 60_000,
): Promise<Value> {
  const over = new AbortController();
  const end = performance.now() + withinMs;
  let last = "nothing";
  const fail = () => assert.fail(`not within ${withinMs} ms: ${expected}; last seen: ${last}`);
  const limit = pause(withinMs, undefined, { signal: over.signal }).then(fail);
  // It is waited for only while a read is.
  limit.catch(() => {});
  try {
    for (let ms = FIRST_PAUSE_MS; ; ms = Math.min(ms * 2, LONGEST_PAUSE_MS)) {
      const value = await Promise.race([read(), limit]);
      if (isExpected(value)) {
        return value;
      }
      last = inspect(value, { depth: 6, maxArrayLength: 20, maxStringLength: 2_000 });
      if (performance.now() >= end) {
        fail();
      }
      await pause(ms);
    }
  } finally {
    over.abort();
  }
}

/** Waits until a condition is true. */
export async function until(
  expected: string,
  isSo: () => boolean | Promise<boolean>,
  withinMs?: number,
): Promise<void> {
  await eventually(expected, isSo, (value) => value, withinMs);
}
