/**
 * Recorders in every runtime, through a network that fails, kills, clocks that go back and flushes at the same time:
 * each event that was taken is in the log once and in order, or counted as dropped.
 */

import { describe, test } from "node:test";
import { serve } from "../conformance/serve.ts";
import { RUNTIMES, type Runtime } from "../runtimes.ts";
import { inChromium } from "./chromium.ts";
import { inFiles } from "./files.ts";
import { Ordeal } from "./ordeal.ts";
import { inObjects } from "./workerd.ts";

const LONGEST = 110_000;

describe("through chaos", { concurrency: true, skip: serve.skip }, () => {
  for (const runtime of Object.keys(RUNTIMES) as Runtime[]) {
    test(`in ${runtime}`, { timeout: LONGEST }, (t) => Ordeal.run(runtime, t, (ordeal) => inFiles(runtime, ordeal)));
  }

  test(
    "in Durable Objects of workerd",
    { timeout: LONGEST, skip: process.platform === "linux" ? false : "it needs /proc to kill workerd" },
    (t) => Ordeal.run("workerd", t, inObjects),
  );

  test("in tabs of Chromium", { timeout: LONGEST }, (t) => Ordeal.run("Chromium", t, inChromium));
});
