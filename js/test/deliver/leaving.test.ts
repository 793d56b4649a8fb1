/** Tests pages that are left while events wait, in a real browser. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { BrowserContext } from "playwright-core";
import { browse, Site } from "../chaos/site.ts";
import type { Started } from "../conformance/log.ts";
import { serve } from "../conformance/serve.ts";
import { AUDITOR, EMITTERS, LOG, SETUP } from "../conformance/setup.ts";
import { eventually } from "../eventually.ts";
import type { PageFunctions, Visit } from "./leaving-page.ts";

describe("leaving a page", { skip: serve.skip, timeout: 100_000 }, () => {
  const profile = mkdtempSync(join(tmpdir(), "countersign-leaving-"));
  const site = new Site(new URL("leaving-page.ts", import.meta.url));
  let log: Started;
  let context: BrowserContext;

  before(async () => {
    await site.start();
    log = await serve.start({ ...SETUP, cors: ["*"] });
    context = await browse(profile);
  });
  after(async () => {
    await context?.close();
    await log?.close();
    site.close();
    rmSync(profile, { recursive: true, force: true });
  });

  const visit = (name: string, events: number, length: number): Visit => ({
    to: log.url,
    log: LOG.vkey,
    key: EMITTERS[0].secret,
    events,
    length,
    name,
  });

  /** Makes a page do something before it is left. */
  async function leave(visit: Visit): Promise<void> {
    const tab = await context.newPage();
    await tab.goto(site.url);
    await tab.evaluate((visit) => void (globalThis as unknown as PageFunctions).visit(visit), visit);
    await tab.waitForURL("**/elsewhere");
    await tab.close();
  }

  /** Returns the IDs of a visit's events in the log, in order. */
  async function ids(name: string): Promise<string[]> {
    const answer = await fetch(`${log.url}/export`, { headers: { authorization: `Bearer ${AUDITOR}` } });
    return [...(await answer.text()).matchAll(/"id":"([a-z]+\.\d+)"/g)]
      .map(([, id = ""]) => id)
      .filter((id) => id.startsWith(`${name}.`));
  }

  async function arrived(name: string, count: number): Promise<string[]> {
    return eventually(
      `the log has ${count} events of ${name}`,
      () => ids(name),
      ({ length }) => length >= count,
    );
  }

  /** Returns the events in the log after another page delivered what a visit left behind. */
  async function delivered(visit: Visit): Promise<string[]> {
    const tab = await context.newPage();
    await tab.goto(site.url);
    // The browser may need a moment to release the locks of a closed tab.
    const deliver = async () => {
      const there = await ids(visit.name);
      if (there.length < visit.events) {
        await tab.evaluate((visit) => (globalThis as unknown as PageFunctions).deliver(visit), visit);
      }
      return there;
    };
    const there = await eventually("all events are delivered", deliver, ({ length }) => length >= visit.events);
    await tab.close();
    return there;
  }

  const names = (name: string, count: number) => Array.from({ length: count }, (_, nth) => `${name}.${nth}`);

  test("sends events waiting in memory", async () => {
    await leave(visit("few", 3, 10));
    assert.deepEqual(await arrived("few", 3), names("few", 3));
  });

  test("sends the events of a flush that has begun", async () => {
    await leave({ ...visit("flushed", 3, 10), flushes: true });
    assert.deepEqual(await arrived("flushed", 3), names("flushed", 3));
  });

  test("sends the first events if there are more than a browser allows", async () => {
    await leave(visit("many", 100, 2_000));
    const there = await arrived("many", 10);
    assert.ok(there.length >= 10, `${there.length} came`);
    assert.deepEqual(there, names("many", there.length));
  });

  test("stores the rest in IndexedDB for the next page", async () => {
    const one = { ...visit("kept", 100, 2_000), outbox: "kept" };
    await leave(one);
    assert.deepEqual(await delivered(one), names("kept", 100));
  });

  test("stores events once although a flush had begun", async () => {
    const one = { ...visit("both", 100, 2_000), outbox: "both", flushes: true };
    await leave(one);
    assert.deepEqual(await delivered(one), names("both", 100));
  });
});
