/**
 * Tests recorders in every runtime through a failing network, 90 kills, clocks that go back, and concurrent flushes:
 * each accepted event is in the log once and in order, or counted as dropped.
 */

import { describe, test } from "node:test";
import { serve } from "../conformance/serve.ts";
import { RUNTIMES, type Runtime } from "../runtimes.ts";
import { inChromium } from "./chromium.ts";
import { inFiles } from "./files.ts";
import { inOneIsolate } from "./isolate.ts";
import { Ordeal } from "./ordeal.ts";
import { inObjects } from "./workerd.ts";

/** Enough for a busy machine; it takes a minute on an idle one with two cores. */
const TIMEOUT_MS = 400_000;

describe("chaos: faults in delivery", { concurrency: true, skip: serve.skip }, () => {
  for (const runtime of Object.keys(RUNTIMES) as Runtime[]) {
    test(runtime, { timeout: TIMEOUT_MS }, (t) => Ordeal.run(runtime, t, (ordeal) => inFiles(runtime, ordeal)));
  }

  test(
    "in Durable Objects of workerd",
    { timeout: TIMEOUT_MS, skip: process.platform === "linux" ? false : "it needs /proc to kill workerd" },
    (t) => Ordeal.run("workerd", t, inObjects),
  );

  test("one isolate of workerd with many requests", { timeout: TIMEOUT_MS }, (t) =>
    Ordeal.run("isolate", t, inOneIsolate),
  );

  test("tabs of Chromium", { timeout: TIMEOUT_MS }, (t) => Ordeal.run("Chromium", t, inChromium));
});
