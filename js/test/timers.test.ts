/** Tests waits of no time, and waits above a timer's limit. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { sleep, within } from "../packages/countersign/dist/timers.js";

test("sleep: negative and endless waits cause no warning in Node.js", async () => {
  const warnings: Error[] = [];
  const warned = (warning: Error) => void warnings.push(warning);
  process.on("warning", warned);
  await sleep(-0.01);
  assert.equal(await within(Number.POSITIVE_INFINITY, sleep(0), () => new Error("late")), undefined);
  await new Promise(setImmediate);
  process.off("warning", warned);
  assert.deepEqual(warnings, []);
});
