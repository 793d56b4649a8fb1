import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, type TestContext, test } from "node:test";
import type { Page, Route } from "playwright-core";
import { type Browser, launch } from "../page/browser.ts";
import { vector } from "../page/vectors.ts";
import { tab, verdict } from "./navigation.ts";
import { events, RealLog, skip } from "./real-log.ts";

let browser: Browser;
let log: RealLog;
before(async () => {
  if (skip) return;
  browser = await launch({ reducedMotion: "reduce" });
  log = await RealLog.start();
  log.record(events(3));
});
after(async () => {
  await browser?.close();
  await log?.close();
});

/** The console, with other responses to an export than the log's. */
async function opened(t: TestContext, answer: (route: Route) => Promise<void>): Promise<Page> {
  const page = await browser.context.newPage();
  t.after(() => page.close());
  await page.route(/\/export/, (route) =>
    route.request().url().endsWith("limit=1") ? route.continue() : answer(route),
  );
  await page.goto(`${log.url}/#tab=search`);
  return page;
}

async function enter(page: Page): Promise<void> {
  await page.getByLabel("Access token").fill(log.token);
  await page.getByRole("button", { name: "Use this token" }).click();
  await page.locator("[data-sign-in=accepted]").waitFor();
}

const error =
  (status: number, headers: Record<string, string> = {}) =>
  (route: Route) =>
    route.fulfill({
      status,
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify({ error: { code: "x.y", message: "<b>so it is</b>", hint: "do this" } }),
    });

const CASES: readonly [name: string, answer: (route: Route) => Promise<void>, says: RegExp][] = [
  ["403", error(403), /This token may not read this[\s\S]*The log says: <b>so it is<\/b> \(do this\) x\.y/],
  ["429", error(429, { "retry-after": "12" }), /is busy\s+Try again in 12 s\./],
  ["503", error(503, { "retry-after": "soon" }), /can’t answer right now\s+Try again in a moment\./],
  ["500", error(500), /failed to answer \(500\)/],
  ["no answer", (route) => route.abort("connectionrefused"), /did not answer/],
  [
    "a page to log in",
    (route) => route.fulfill({ status: 200, contentType: "text/html", body: "<form>" }),
    /The answer is a web page/,
  ],
];

for (const [name, answer, says] of CASES) {
  test(`console: reports ${name} accurately`, { skip }, async (t) => {
    const page = await opened(t, answer);
    await enter(page);
    const refused = page.locator("main .refused[role=alert]");
    await refused.waitFor();
    assert.match(await refused.innerText(), says);
    assert.equal(await page.locator("countersign-viewer").count(), 0);
  });
}

/** Responds with a vector's export that the reader trusts. */
async function showing(t: TestContext, name: string): Promise<Page> {
  const { export: file, trust } = vector(name);
  const page = await opened(t, (route) =>
    route.fulfill({ status: 200, contentType: "application/x-ndjson", body: readFileSync(file) }),
  );
  await page.getByText("Paste a trust file").click();
  await page.getByLabel("Trust file", { exact: true }).fill(readFileSync(trust ?? assert.fail(), "utf8"));
  await page.getByRole("button", { name: "Use it" }).click();
  await enter(page);
  await verdict(page);
  return page;
}

async function part(page: Page, name: string): Promise<string> {
  await tab(page, name);
  await page.locator(`main[data-tab="${name.toLowerCase()}"] section`).first().waitFor();
  return (await page.getByRole("main").innerText()).replace(/\s+/g, " ");
}

test("storage: a response that a proxy blocks doesn't hide the others", { skip }, async (t) => {
  const page = await opened(t, (route) => route.continue());
  await page.route(/\/metrics$/, (route) => route.fulfill({ status: 404 }));
  await tab(page, "Storage");
  await page.getByText("Nothing was found at this address").waitFor();
  await page.locator("[data-healthy=true]").waitFor();
});

test("witnesses: the core decides whether the reader's quorum is met", { skip }, async (t) => {
  const met = await part(await showing(t, "quorum-met"), "Witnesses");
  assert.match(met, /Your quorum Met at the newest checkpoint/);
  assert.match(met, /1 cosignature, last at 20\d\d-/);
  const missed = await part(await showing(t, "quorum-missed"), "Witnesses");
  assert.match(missed, /Your quorum Not met/);
  const unasked = await part(await showing(t, "log-two-chains"), "Witnesses");
  assert.match(unasked, /Your quorum Not needed The trust file requires no witnesses/);
});

test("keys: grants and revocations come from verified key notes", { skip }, async (t) => {
  const keys = await part(await showing(t, "key-revoked-regrant"), "Keys");
  assert.match(keys, /Key notes/);
  assert.match(keys, /revoked/i);
  assert.match(keys, /granted/i);
});

test("storage: shows the log's problems, with its messages as text", { skip }, async (t) => {
  const page = await opened(t, (route) => route.continue());
  const at = "2026-11-20T06:00:00.000Z";
  const signing = {
    part: "signing",
    code: "log.rollback",
    message: "<i>a witness</i> has seen more",
    hint: "see --after-restore",
    critical: true,
  };
  const jumped = { part: "clock", code: "clock.jumped", message: "it jumped", critical: false };
  const clock = { state: "jumped", skew: 300, witnesses: { "w<1>": 300 } };
  const body = JSON.stringify({
    healthy: false,
    problems: [signing, jumped],
    size: 701,
    storage: { full: true, kind: "folder", free: 63e6, total: 5e11 },
    check: { within: 86_400, percent: 40, at, problems: 2 },
    index: { indexed: 640, whole: true },
    backup: { at, size: 700 },
    erasures: { unfinished: 2 },
    clock,
  });
  await page.route(/\/healthz/, (route) =>
    route.fulfill({ status: 503, contentType: "application/json", body }),
  );
  await tab(page, "Storage");
  await page.locator("[data-healthy=false]").waitFor();
  const text = await page.getByRole("main").innerText();
  for (const words of [
    /Signing[\s\S]*<i>a witness<\/i> has seen more \(see --after-restore\)\s+log\.rollback/,
    /Clock[\s\S]*it jumped\s+clock\.jumped[\s\S]*jumped, and isn’t believed \(\+300 s\)/,
    /Erasures in progress\s+2/,
    /Disk space\s+63 MB free of 500 GB/,
    /Last backup\s+2026-11-20[^\n]*, 700 entries\s+1 entry added since\./,
    /Self-check\s+2 problems found, 2026-11-20[^\n]*\s+40% of the current check is done\. It reads the whole log every 24 h\./,
    /Search index\s+640 of 701 entries/,
    /Witnesses that responded\s+w<1> \(\+300 s\)/,
  ])
    assert.match(text, words);
});

test("ask: names altered events that claim to match", { skip }, async (t) => {
  const { export: file, trust } = vector("log-two-chains");
  const altered = readFileSync(file, "utf8").replace('"u-2"', '"u-9"');
  const page = await opened(t, (route) =>
    route.fulfill({ status: 200, contentType: "application/x-ndjson", body: altered }),
  );
  await page.getByText("Paste a trust file").click();
  await page.getByLabel("Trust file", { exact: true }).fill(readFileSync(trust ?? assert.fail(), "utf8"));
  await page.getByRole("button", { name: "Use it" }).click();
  await enter(page);
  await verdict(page, "altered");
  await tab(page, "Ask");
  await page.locator(".ask input[name=who]").fill("u-9");
  await page.locator(".ask input[name=who]").press("Enter");
  const claims = page.locator('.ask [data-claims="1"][data-claims-by="page"]');
  await claims.waitFor();
  assert.match((await claims.textContent()) ?? "", /[Ee]ntry \d+/);
  assert.equal(await claims.getByRole("button").count(), 0, "the console has no view of altered events");
});
