/** Runs recorders in pages of one origin with IndexedDB outboxes; pages are left, and tabs are closed and crash. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { BrowserContext, Page as Tab } from "playwright-core";
import type { Page } from "./book.ts";
import { type End, EVENTS, MORE, type Ordeal, rounds } from "./ordeal.ts";
import type { Life } from "./scenario.ts";
import { browse, Site } from "./site.ts";

/** The ends of the runs in each of the concurrent tabs. */
const TABS: readonly (readonly End[])[] = [
  rounds(["asks", "before", "itself"]),
  rounds(["after", "asks", "itself"]),
  rounds(["before", "after", "itself"]),
];

/** Runs several tabs concurrently, each place one tab after the other, with the same outbox. */
export async function inChromium(ordeal: Ordeal): Promise<void> {
  const site = await new Site(new URL("page.ts", import.meta.url)).start();
  const context = await browse(join(ordeal.folder, "profile"));
  try {
    const each = Math.ceil((EVENTS / TABS.flat().length) * MORE);
    await Promise.all(
      TABS.map(async (ends, place) => {
        for (const [number, end] of ends.entries()) {
          await live(context, site, ordeal, `tab${place}`, `tab${place}${number}`, each, end);
        }
      }),
    );
    ordeal.proxy.calm = true;
    const last = await live(context, site, ordeal, "tab", "tab-last", 20, "itself");
    assert.deepEqual([last.ended, last.left], [0, 0]);
  } finally {
    await context.close();
    site.close();
  }
}

async function live(
  context: BrowserContext,
  site: Site,
  ordeal: Ordeal,
  sender: string,
  run: string,
  events: number,
  end: End,
): Promise<Page> {
  const { life, at } = ordeal.life(sender, run, events, end);
  const page = ordeal.book.page(run);
  const tab = await context.newPage();
  const gone = new Promise<void>((resolve) => {
    tab.on("close", () => resolve());
    tab.on("crash", () => resolve());
  });
  const kill = {
    itself: () => assert.fail("nobody asked"),
    asks: () => tab.goto(`${site.url}/elsewhere`, { timeout: 10_000 }),
    before: () => crash(context, tab),
    after: () => tab.close(),
  }[end];
  let killed: Promise<unknown> | undefined;
  ordeal.proxy.killAt(
    sender,
    () => {
      killed = kill().catch(() => {});
    },
    at,
  );
  await tab.exposeBinding("say", (_, lines: string[]) => {
    for (const line of lines) {
      page.read(line);
    }
  });
  await tab.goto(site.url);
  const lived = tab.evaluate((life) => (globalThis as unknown as PageFunctions).live(life), life);
  const error = await Promise.race([lived.catch((error: unknown) => error), gone]);
  assert.equal(error === undefined && page.ended !== undefined, end === "itself", `${error}`);
  // A tab closed during navigation may never report that it is closed.
  await killed;
  await tab.close().catch(() => {});
  return page;
}

/** The functions that a page exposes. */
export interface PageFunctions {
  live(life: Life): Promise<void>;
}

async function crash(context: BrowserContext, tab: Tab): Promise<void> {
  const session = await context.newCDPSession(tab);
  // The command seldom gets a response.
  session.send("Page.crash").catch(() => {});
}
