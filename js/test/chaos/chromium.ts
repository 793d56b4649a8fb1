/** Pages of one origin with an outbox in IndexedDB, several at once, whose tabs are closed and crash. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import { type BrowserContext, chromium, type Page as Tab } from "playwright-core";
import type { Page } from "./book.ts";
import { type End, EVENTS, type Ordeal } from "./ordeal.ts";
import type { Life } from "./scenario.ts";

/** Tabs that live at the same time, and how the lives of each end. */
const TABS: readonly (readonly End[])[] = [
  ["asks", "before", "itself"],
  ["after", "asks", "itself"],
  ["before", "after", "itself"],
];
const WASM = fileURLToPath(new URL("../../dist/wasm/recorder_bg.wasm", import.meta.url));

/** Several tabs, one after the other in each place, all with the same outbox. */
export async function inChromium(ordeal: Ordeal): Promise<void> {
  const site = await new Site().start();
  const context = await chromium.launchPersistentContext(join(ordeal.folder, "profile"), {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-background-timer-throttling",
      "--disable-renderer-backgrounding",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  try {
    const each = Math.ceil((EVENTS / TABS.flat().length) * 1.15);
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
  ordeal.proxy.killAt(sender, () => (end === "after" ? tab.close() : crash(context, tab)), at);
  await tab.exposeBinding("say", (_, lines: string[]) => {
    for (const line of lines) {
      page.read(line);
    }
  });
  await tab.goto(site.url);
  const lived = tab.evaluate((life) => (globalThis as unknown as Lived).live(life), life);
  const error = await Promise.race([lived.catch((error: unknown) => error), gone]);
  if (end === "itself") {
    assert.equal(error, undefined);
  } else {
    await gone;
  }
  await tab.close().catch(() => {});
  return page;
}

/** What a page offers. */
export interface Lived {
  live(life: Life): Promise<void>;
}

async function crash(context: BrowserContext, tab: Tab): Promise<void> {
  const session = await context.newCDPSession(tab);
  await session.send("Page.crash").catch(() => {});
}

/** A page with a recorder. */
class Site {
  readonly #script = esbuild.build({
    entryPoints: [fileURLToPath(new URL("page.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    write: false,
  });
  readonly #server = createServer(async (request, response) => {
    switch (request.url) {
      case "/page/page.js":
        response.setHeader("content-type", "text/javascript");
        response.end((await this.#script).outputFiles[0]?.contents);
        break;
      case "/wasm/recorder_bg.wasm":
        response.setHeader("content-type", "application/wasm");
        response.end(readFileSync(WASM));
        break;
      default:
        response.setHeader("content-type", "text/html");
        response.end('<!doctype html><script type="module" src="/page/page.js"></script>');
    }
  });

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
