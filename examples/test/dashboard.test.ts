/** Tests the dashboard in Chromium, with its server and a log: from a click to a verified event. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type RequestListener, request } from "node:http";
import type { AddressInfo } from "node:net";
import process from "node:process";
import { after, before, type TestContext, test } from "node:test";
import { createRecorder } from "countersign";
import type { Browser, Page, Request } from "playwright-core";
import { violations } from "../../js/test/axe.ts";
import { launch } from "../../js/test/chromium.ts";
import { COUNTERSIGN, PATH, project } from "../run/tools.ts";
import { Log } from "./log.ts";
import { command } from "./readme.ts";
import { Running } from "./running.ts";

const skip = existsSync(COUNTERSIGN) ? false : "countersign is missing; run cargo build";
const cwd = project("examples/dashboard");

let browser: Browser;

before(async () => {
  const [, ...build] = command("dashboard", "npx ");
  execFileSync(build[0] ?? "", build.slice(1), { cwd, env: { ...process.env, PATH }, stdio: "pipe" });
  browser = await launch();
});

after(() => browser?.close());

/** Starts a log, and returns a function that starts a dashboard. `at` maps the log's URL to the one that it uses. */
async function prepare(t: TestContext, { at = async (log: string) => log } = {}) {
  const log = await Log.start(["*"]);
  t.after(() => log.close());
  const issuer = await log.admit("issuer", "dashboard.example");
  const key = await log.admit("emitter", "dashboard.example/server");
  const env = {
    AUDIT_URL: await at(log.url),
    AUDIT_TRUST: log.trustFile,
    AUDIT_KEY: key,
    AUDIT_ISSUER_KEY: issuer,
    AUDIT_TOKEN: log.token("dashboard"),
    PORT: "0",
  };
  /** Starts a dashboard, whose clock is slow by a number of milliseconds. */
  const serve = async (slowByMs = 0) => {
    const args = slowByMs === 0 ? [] : ["--import", `data:text/javascript,(${slowClock})(${slowByMs})`];
    const [node = "", ...rest] = command("dashboard", "node ");
    const server = new Running([node, ...args, ...rest], { cwd, env });
    t.after(() => server.stop());
    return { server, url: await server.address() };
  };
  return { log, key, serve };
}

/** Starts a log and a dashboard. `at` maps the log's URL to the one that the dashboard uses. */
async function start(t: TestContext, options?: Parameters<typeof prepare>[1]) {
  const { log, key, serve } = await prepare(t, options);
  return { log, key, ...(await serve()) };
}

/** Makes the clock of a page or a program slow. Runs there, so it uses nothing from here. */
function slowClock(ms: number): void {
  const now = Date.now;
  Date.now = () => now() - ms;
  globalThis.Date = class extends Date {
    constructor(...args: number[]) {
      super(...((args.length === 0 ? [Date.now()] : args) as [number]));
    }
  } as DateConstructor;
}

/** Records events of the scheduler in the log. */
async function schedule(log: Log, key: string, events: number): Promise<void> {
  const audit = createRecorder({ key, to: log.url, log: log.vkey });
  for (let event = 0; event < events; event += 1) {
    audit.record({ action: "job.trigger", actor: { type: "service", id: "scheduler" } });
  }
  await audit.close();
}

/** Opens a page in its own browser context. */
async function open(
  t: TestContext,
  url: string,
  {
    colorScheme = "light" as "light" | "dark",
    width = 1200,
    prepare = async (_page: Page): Promise<unknown> => undefined,
  } = {},
): Promise<Page> {
  const context = await browser.newContext({ colorScheme, viewport: { width, height: 900 }, reducedMotion: "reduce" });
  t.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  await prepare(page);
  await page.goto(url);
  return page;
}

/** Starts a server until the test ends, and returns its URL. */
async function listening(t: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Opens a page with a proxy between its server and the log, which can modify responses from then on. */
async function openTampered(t: TestContext): Promise<{ page: Page; tamper(): void }> {
  let isTampered = false;
  const altered = (text: string) => (isTampered ? text.replaceAll("nightly-backup", "nightly-hackup") : text);
  const at = async (log: string) => {
    return listening(t, (incoming, response) => {
      const { url = "/", method } = incoming;
      const headers = { ...incoming.headers, "accept-encoding": "identity" };
      const passed = request(new URL(url, log), { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        // Whole lines at a time, because a name may be split across chunks.
        let rest = "";
        answer.setEncoding("utf8");
        answer.on("data", (text: string) => {
          rest += text;
          const end = rest.lastIndexOf("\n") + 1;
          response.write(altered(rest.slice(0, end)));
          rest = rest.slice(end);
        });
        answer.on("close", () => response.end(altered(rest)));
      });
      passed.on("error", () => response.destroy());
      incoming.pipe(passed);
    });
  };
  const { url } = await start(t, { at });
  return {
    page: await open(t, url),
    tamper: () => {
      isTampered = true;
    },
  };
}

const press = (page: Page, name: string) => page.getByRole("button", { name }).click();
/** Events in the trail that name this job. Only verified events are shown. */
const shown = (page: Page, job: string | RegExp) => page.locator("cs-rows .row.event").filter({ hasText: job });
const verdict = (page: Page) => page.locator("countersign-viewer .verdict");
const verified = (page: Page) => page.locator("countersign-viewer [data-verdict=verified]").waitFor();
const strip = (page: Page, text: string | RegExp) => page.locator("countersign-viewer .strip").getByText(text);
const count = (page: Page, step: string) => page.locator(".step").filter({ hasText: step }).locator(".count");
const shows = (page: Page, step: string, number: number, options?: { readonly timeout: number }) =>
  count(page, step)
    .filter({ hasText: new RegExp(`^${number}$`) })
    .waitFor(options);

async function assertAccessible(page: Page, state: string): Promise<void> {
  assert.deepEqual(await violations(page), [], state);
}

test("dashboard: shows clicks as verified events, and the log's export verifies", { skip }, async (t) => {
  const { log, url } = await start(t);
  const page = await open(t, url);
  await strip(page, "Following the log").waitFor();
  await press(page, "Run invoice-run");
  await shown(page, "invoice-run").waitFor();
  await press(page, "Pause nightly-backup");
  await press(page, "Delete certificate-check");
  await shown(page, "nightly-backup").waitFor();
  await shown(page, "certificate-check").waitFor();
  await shows(page, "Verified", 3);
  await shows(page, "Proven", 3);
  await page.getByRole("heading", { name: /^Verified\.$/ }).waitFor();

  const { verdict, events } = log.exported();
  assert.equal(verdict, "verified");
  assert.deepEqual(
    events.map(({ event }) => [event.action, (event.target as { name: string }).name]),
    [
      ["job.trigger", "invoice-run"],
      ["job.update", "nightly-backup"],
      ["job.delete", "certificate-check"],
    ],
  );
});

test("dashboard: stays verified after Run, for other visitors, and an hour later", { skip }, async (t) => {
  const { log, key, serve } = await prepare(t);
  // More than a page begins with, so that the log has entries that a page omits.
  await schedule(log, key, 600);
  const hourMs = 3_600_000;
  const earlier = await serve(hourMs);
  const prepareClock = (page: Page) => page.addInitScript(slowClock, hourMs);
  const page = await open(t, earlier.url, { prepare: prepareClock });
  await verified(page);
  await press(page, "Run invoice-run");
  await shown(page, "invoice-run").waitFor();
  await shows(page, "Verified", 1);
  await verified(page);
  await page.reload();
  await shown(page, "invoice-run").waitFor();
  await verified(page);
  const other = await open(t, earlier.url, { prepare: prepareClock });
  await shown(other, "invoice-run").waitFor();
  await verified(other);
  log.exported();
  const [, time = ""] =
    / (\S+Z) \S+ \S+ \S+","salt":"[^"]*","event":\{[^\n]*invoice-run/.exec(
      readFileSync(log.path("export.ndjson"), "utf8"),
    ) ?? [];
  assert.ok(Date.now() - Date.parse(time) >= hourMs, time);

  await schedule(log, key, 600);
  const { url } = await serve();
  const visitor = await open(t, url);
  await verified(visitor);
  await shown(visitor, "scheduler").first().waitFor();
  assert.equal(await shown(visitor, "invoice-run").count(), 0);
  // Without the entries before, no event shown is signed with the browser's key, so its revocation wouldn't matter.
  const alone = await open(t, url, {
    prepare: (page) => page.route("**/api/checkpoint", (route) => route.fulfill({ status: 404 })),
  });
  await verified(alone);
  assert.match((await verdict(alone).textContent()) ?? "", /entries from entry [1-9]\d+ on/);
});

test("dashboard: a page that stays open for an hour stays verified", { skip }, async (t) => {
  const { log, key, url } = await start(t);
  await schedule(log, key, 600);
  const page = await open(t, url, { prepare: (page) => page.clock.install() });
  await press(page, "Run invoice-run");
  await shows(page, "Verified", 1);
  await verified(page);
  await page.clock.fastForward("01:00:00");
  await press(page, "Run nightly-backup");
  await shown(page, "nightly-backup").waitFor();
  await shows(page, "Verified", 2);
  await verified(page);
  await schedule(log, key, 1);
  await shown(page, "scheduler").first().waitFor();
  await verified(page);
});

test("dashboard: loads without failed requests, and gets one grant for each browser", { skip }, async (t) => {
  const { log, key, url } = await start(t);
  await schedule(log, key, 600);
  const requests: { path: string; status: number }[] = [];
  const answered = new Set<Request>();
  const record = async (page: Page) => {
    page.on("response", (response) => {
      answered.add(response.request());
      requests.push({ path: new URL(response.url()).pathname, status: response.status() });
    });
    page.on("requestfailed", (request) => {
      // Leaving the page ends the stream. Chromium sometimes reports that a request was aborted whose response the page
      // has read.
      if (!request.url().includes("/api/stream") && !answered.has(request)) {
        requests.push({ path: request.url(), status: 0 });
      }
    });
  };
  const page = await open(t, url, { prepare: record });
  await verified(page);
  await press(page, "Run invoice-run");
  await shows(page, "Verified", 1);
  await page.reload();
  await shown(page, "invoice-run").waitFor();
  await verified(page);
  await press(page, "Run nightly-backup");
  await shows(page, "Verified", 1);
  assert.deepEqual(
    requests.filter(({ status }) => status !== 200),
    [],
  );
  const count = (path: string) => requests.filter((request) => request.path.startsWith(path)).length;
  assert.equal(count("/api/grant"), 1);
  assert.equal(count("/api/checkpoint"), 2);
  assert.ok(count("/api/tile/entries/") >= 2);
});

test("dashboard: keeps offline clicks across a reload and delivers each once", { skip }, async (t) => {
  const { log, url } = await start(t);
  const page = await open(t, url);
  await page.getByRole("switch", { name: "Cut the connection" }).check();
  await press(page, "Run invoice-run");
  await press(page, "Run nightly-backup");
  await page.getByText("2 events wait, none are lost").waitFor();
  await shows(page, "Queued", 2);
  await page.reload();
  await shown(page, "nightly-backup").waitFor();
  await shows(page, "Queued", 0);

  const { verdict, events } = log.exported();
  assert.match(verdict, /^(verified|partial)$/);
  assert.deepEqual(
    events.map(({ event }) => (event.target as { name: string }).name),
    ["invoice-run", "nightly-backup"],
  );
});

test("dashboard: keeps events while the log is down and shows the problem", { skip }, async (t) => {
  const { log, url } = await start(t);
  const page = await open(t, url);
  await press(page, "Run invoice-run");
  await shown(page, "invoice-run").waitFor();
  const resume = await log.pause();
  await strip(page, "Connection lost").waitFor();
  await press(page, "Run nightly-backup");
  await page.getByText("1 event waits, none are lost").waitFor();
  await page.getByRole("button", { name: "Try now" }).waitFor();
  await assertAccessible(page, "the log is down");
  await resume();
  // The page may have sent the event by itself already, which removes the button. The viewer retries within 30
  // seconds, and gives up a retry after a minute.
  const arrives = shows(page, "Verified", 2, { timeout: 180_000 });
  await Promise.any([press(page, "Send now"), arrives]);
  await arrives;
  assert.equal(log.exported().events.length, 2);
});

test("dashboard: tabs share a key but not a chain", { skip }, async (t) => {
  const { log, url } = await start(t);
  const page = await open(t, url);
  const other = await page.context().newPage();
  await other.goto(url);
  await press(page, "Run invoice-run");
  await press(other, "Run search-reindex");
  for (const tab of [page, other]) {
    await shown(tab, "invoice-run").waitFor();
    await shown(tab, "search-reindex").waitFor();
  }
  const { events } = log.exported();
  assert.equal(new Set(events.map(({ chain }) => chain)).size, 2);
});

test("viewer: shows an alert instead of events that were modified in transit", { skip }, async (t) => {
  const { page, tamper } = await openTampered(t);
  await press(page, "Run invoice-run");
  await shows(page, "Verified", 1);
  tamper();
  await press(page, "Run nightly-backup");
  await page.getByRole("alert").filter({ hasText: "The content does not match what was signed" }).waitFor();
  await shows(page, "Proven", 2);
  await shows(page, "Verified", 1);
  await shown(page, "invoice-run").waitFor();
  assert.equal(await shown(page, /nightly-[bh]ackup/).count(), 0);
  await assertAccessible(page, "altered");
});

test("server: stops following the log when the page is closed, without an error", { skip }, async (t) => {
  const { promise: left, resolve: leave } = Promise.withResolvers<void>();
  const at = async (log: string) =>
    listening(t, (incoming, response) => {
      const { url = "/", method, headers } = incoming;
      const passed = request(new URL(url, log), { method, headers }, (answer) => {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
      });
      passed.on("error", () => response.destroy());
      incoming.pipe(passed);
      if (url.startsWith("/stream")) {
        response.on("close", () => {
          passed.destroy();
          leave();
        });
      }
    });
  const { server, url } = await start(t, { at });
  const page = await open(t, url);
  await strip(page, "Following the log").waitFor();
  await page.close();
  await left;
  await server.stop();
  assert.equal(server.output.trim(), url);
});

test("dashboard: shows an alert if the server grants no key", { skip }, async (t) => {
  const { url } = await start(t);
  const page = await open(t, url, {
    prepare: (page) => page.route("**/api/grant", (route) => route.fulfill({ status: 403, body: "{}" })),
  });
  await page.getByRole("alert").filter({ hasText: "The dashboard can't record" }).waitFor();
  await assertAccessible(page, "refused");
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`dashboard: is accessible and fits 320 pixels, ${colorScheme}`, { skip }, async (t) => {
    const { url } = await start(t);
    const page = await open(t, url, { colorScheme, width: 320 });
    await strip(page, "Following the log").waitFor();
    await assertAccessible(page, "empty");
    await press(page, "Run invoice-run");
    await shown(page, "invoice-run").waitFor();
    await page.getByRole("switch").check();
    await press(page, "Run invoice-run");
    await page.getByText("1 event waits, none are lost").waitFor();
    await page.locator("summary").last().click();
    await assertAccessible(page, "one waits");
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  });
}
