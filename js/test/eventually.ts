/** Waits for other processes, pages, and background tasks. */

import assert from "node:assert/strict";
import timers from "node:timers/promises";
import { inspect } from "node:util";

// Captured, because some tests mock the timers.
const pause = timers.setTimeout;

const FIRST_PAUSE_MS = 1;
const MAX_PAUSE_MS = 50;

/**
 * Reads a value until it is as expected, and returns it. Fails after `withinMs`, even if a read hangs, with the last
 * value in the message. Errors of `read` are thrown immediately.
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
  // Only awaited during a read.
  limit.catch(() => {});
  try {
    for (let ms = FIRST_PAUSE_MS; ; ms = Math.min(ms * 2, MAX_PAUSE_MS)) {
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
