/** The console of a root log: the list of tenants, and the search of all of them. */

import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import type { Page } from "playwright-core";
import { violations } from "../../../js/test/axe.ts";
import { type Tenant, TenantServer } from "../../../js/test/tenants/server.ts";
import { type Browser, launch } from "../page/browser.ts";
import { verdict } from "./navigation.ts";
import { CONSOLE, events, skip } from "./real-log.ts";

const NAMES = ["acme", "globex", "initech", "umbrella"] as const;

/** A busy machine needs long for a server with its ticks, so that all tests share one. */
let server: TenantServer;
let browser: Browser;
let tenants: Readonly<Record<(typeof NAMES)[number], Tenant>>;
let token: string;
/** The server's trust file, which names no tenant log. */
let trust: string;

before(async () => {
  if (skip !== false) return;
  browser = await launch({ reducedMotion: "reduce", remembers: true });
  server = await TenantServer.start({ args: ["--page", CONSOLE] });
  const added = [];
  for (const name of NAMES) added.push([name, await server.addWithToken(name)] as const);
  tenants = Object.fromEntries(added) as unknown as typeof tenants;
  token = await server.token("ops", "--log", "all", "--right", "read,admin");
  trust = tenants.acme.trust.replace(/^origin .*\n/m, "");
  await server.record(tenants.acme, events(30));
  await server.record(tenants.globex, events(3, "config.update"));
  await server.record(tenants.initech, [...events(3), ...events(2, "config.update"), ...events(2)]);
});

after(async () => {
  await browser?.close();
  await server?.close();
});

async function opened(t: TestContext, { width = 1200, colorScheme = "light" as "light" | "dark" } = {}) {
  const page = await browser.context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (/Content Security Policy|Trusted Type/.test(message.text())) complaints.push(message.text());
  });
  const addresses: string[] = [];
  page.on("request", (request) => addresses.push(request.url()));
  t.after(async () => {
    await page.close();
    assert.deepEqual(complaints, []);
    assert.ok(addresses.every((address) => !address.includes(token)));
  });
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize({ width, height: 900 });
  await page.goto(`${server.url}/`);
  await page.getByRole("link", { name: /Search all|Alle durchsuchen/ }).waitFor();
  return page;
}

async function enter(page: Page, secret: string): Promise<void> {
  await page.getByLabel("Access token").fill(secret);
  await page.getByRole("button", { name: "Use this token" }).click();
}

async function accepted(page: Page): Promise<void> {
  await page.getByText("Paste a trust file").click();
  await page.getByLabel("Trust file", { exact: true }).fill(trust);
  await page.getByRole("button", { name: "Use it" }).click();
  await enter(page, token);
  await page.locator("[data-sign-in=accepted]").waitFor();
}

const rows = (page: Page) => page.locator("cs-tenant-table [data-tenant]");
const listed = (page: Page, number: number) => page.locator(`[data-tenants="${number}"]`).waitFor();
const idOf = ({ path }: Tenant) => path.slice("/t/".length);

async function search(page: Page, query: string): Promise<void> {
  await page.getByRole("link", { name: "Search all" }).click();
  await page.locator("#across-query").fill(query);
  await page.getByRole("button", { name: "Search 4 logs" }).click();
}

const searched = (page: Page, looked: number, total: number) =>
  page.locator(`[data-running=false][data-looked="${looked}"][data-total="${total}"]`).waitFor();

const result = (page: Page, tenant: Tenant) => page.locator(`.across-log[data-log="${idOf(tenant)}"]`);

test("tenants: asks for a token for all logs, and lists the tenants", { skip }, async (t) => {
  const page = await opened(t);
  await page.locator("[data-needs=all]", { hasText: "token add NAME --log all" }).waitFor();
  for (const [refused, status] of [
    ["csr_wrong", 401],
    [tenants.acme.token, 403],
    [await server.token("acme-admin", "--log", idOf(tenants.acme), "--right", "read,admin"), 404],
  ] as const) {
    await enter(page, refused);
    await page.locator(`.refused[data-status="${status}"]`).waitFor();
    assert.equal(await rows(page).count(), 0);
  }
  await page.locator("[data-needs=all]", { hasText: "for all logs" }).waitFor();
  await accepted(page);
  await listed(page, NAMES.length);
  const acme = rows(page).filter({ hasText: "acme" });
  assert.match(await acme.innerText(), /live[\s\S]*\b32\b/);
  await page.locator("#tenant-filter").fill("GLO");
  await listed(page, 1);
  await page.locator("#tenant-filter").fill(tenants.initech.origin);
  await rows(page).filter({ hasText: "initech" }).waitFor();
  await page.locator("#tenant-filter").fill("nobody");
  await page.getByText("No tenant matches.").waitFor();
  await page.locator("#tenant-filter").fill("");
  await page.locator("#tenant-order").selectOption("size");
  assert.deepEqual(await rows(page).first().getAttribute("data-tenant"), idOf(tenants.acme));
  await page.locator("#tenant-state").selectOption("stopped");
  await listed(page, 0);
});

test("tenants: opens a log's own console, which gets the token and the trust", { skip }, async (t) => {
  const page = await opened(t);
  await accepted(page);
  await listed(page, NAMES.length);
  await page.getByRole("grid").focus();
  await page.keyboard.press("End");
  await page.locator(`[data-tenant="${idOf(tenants.umbrella)}"][aria-selected=true]`).waitFor();
  await page.keyboard.press("Home");
  await page.keyboard.press("ArrowDown");
  await page.locator(`[data-tenant="${idOf(tenants.globex)}"][aria-selected=true]`).waitFor();
  await page.keyboard.press("Enter");
  await page.waitForURL(`${server.url}${tenants.globex.path}/#tab=overview`);
  await verdict(page, "verified");
  await page.reload();
  await verdict(page, "verified");
  // Signing out of one console forgets the token of all consoles in the tab.
  await page.locator(".access > summary").click();
  await page.getByRole("button", { name: "Sign out, and forget the token and the trust file" }).click();
  await page.locator("#token:focus").waitFor();
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
});

test("tenants: a log's own console keeps nothing if the reader doesn't want that", { skip }, async (t) => {
  const page = await opened(t);
  await page.getByLabel("Keep the token and the trust file").uncheck();
  await accepted(page);
  await listed(page, NAMES.length);
  await page.getByRole("link", { name: "globex" }).click();
  await verdict(page, "verified");
  assert.deepEqual(await page.evaluate(() => Object.values(sessionStorage)), []);
  await page.reload();
  await page.locator("#token").waitFor();
  assert.equal(await page.locator("[data-sign-in=accepted]").count(), 0);
});

test("search: shows what each log has, verified, and which logs have no match", { skip }, async (t) => {
  const page = await opened(t);
  await accepted(page);
  await listed(page, NAMES.length);
  await search(page, "actor:(u_1");
  await page.locator("#across-query[aria-invalid=true]").waitFor();
  assert.notEqual(await page.locator("#across-complaint").innerText(), "");
  await page.locator("#across-query").fill("action:job.update");
  await page.keyboard.press("Enter");
  await searched(page, 4, 4);
  assert.match(
    await page.locator(".across-sum").innerText(),
    /Looked at 4 of 4 logs\. Found 35 events in 2 logs/,
  );
  assert.equal(await page.locator(".across-log").count(), 2);
  const acme = result(page, tenants.acme);
  assert.equal(await acme.getAttribute("data-verdict"), "verified");
  assert.match(
    await acme.innerText(),
    /30 events[\s\S]*all 32 entries[\s\S]*10 more in the log’s own console/,
  );
  assert.equal(await acme.locator("tbody tr").count(), 20);
  assert.match(await page.locator("[data-none='2']").innerText(), /Each was verified whole/);
  // Without loading them whole, the logs search themselves, and nothing proves that they found everything.
  await page.locator("[name=whole]").uncheck();
  await page.getByRole("button", { name: "Search 4 logs" }).click();
  await searched(page, 4, 4);
  assert.equal(await result(page, tenants.initech).getAttribute("data-verdict"), "partial");
  assert.match(await page.locator("[data-none='2']").innerText(), /1 log wasn’t verified whole/);
  // A filter of the list limits the search.
  await page.getByRole("link", { name: "Tenants" }).click();
  await page.locator("#tenant-filter").fill("itech");
  await listed(page, 1);
  await page.getByRole("link", { name: "Search all" }).click();
  await page.locator("[data-filtered='1']", { hasText: "only 1 of 4 tenants" }).waitFor();
  await page.getByRole("button", { name: "Search 1 log" }).click();
  await searched(page, 1, 1);
  await result(page, tenants.initech).getByRole("link").click();
  await page.waitForURL(/\/t\/[0-9a-f]{32}\/#group=events&tab=search&query=action%3Ajob\.update/);
  await page.locator("[data-found=partial]").waitFor();
  await verdict(page, "verified");
});

test("search: says which logs couldn't be searched, and what is wrong with them", { skip }, async (t) => {
  const page = await opened(t);
  await accepted(page);
  await listed(page, NAMES.length);
  const address = ({ path }: Tenant) => `${server.url}${path}/export*`;
  await page.route(address(tenants.globex), (route) =>
    route.fulfill({ status: 503, json: { error: { code: "log.rollback", message: "entries are missing" } } }),
  );
  await page.route(address(tenants.initech), async (route) => {
    const response = await route.fetch();
    const text = (await response.text()).replaceAll("job.update", "job.delete");
    await route.fulfill({ response, body: text });
  });
  await page.route(address(tenants.umbrella), (route) => route.abort());
  await search(page, "action:job.update");
  await searched(page, 2, 4);
  assert.match(await page.locator(".across-sum").innerText(), /Looked at 2 of 4 logs/);
  await page.getByText("2 logs couldn’t be searched").waitFor();
  assert.equal(await result(page, tenants.initech).getAttribute("data-verdict"), "altered");
  const stopped = result(page, tenants.globex);
  assert.equal(await stopped.getAttribute("data-outcome"), "unread");
  assert.match(await stopped.innerText(), /can’t answer right now \(503\)[\s\S]*entries are missing/);
  assert.match(await result(page, tenants.umbrella).innerText(), /did not answer/);
  // Another log's answer isn't taken for this one's.
  await page.unrouteAll();
  await page.route(address(tenants.globex), async (route) => {
    const url = route.request().url().replace(idOf(tenants.globex), idOf(tenants.acme));
    await route.fulfill({ response: await route.fetch({ url }) });
  });
  await page.getByRole("button", { name: "Search the rest (2 logs)" }).click();
  await searched(page, 4, 4);
  assert.notEqual(await stopped.getAttribute("data-verdict"), "verified");
  assert.match(await stopped.innerText(), /another log|not what you asked/i);
});

test("search: is canceled and continued", { skip }, async (t) => {
  const page = await opened(t);
  await accepted(page);
  await listed(page, NAMES.length);
  let release = () => {};
  const held = new Promise<void>((resolve) => (release = resolve));
  t.after(() => release());
  await page.route(`${server.url}${tenants.acme.path}/export*`, async (route) => {
    await held;
    await route.abort().catch(() => {});
  });
  await search(page, "");
  await page.locator("[data-running=true][data-looked='3']").waitFor();
  await page.getByRole("button", { name: "Cancel" }).click();
  await searched(page, 3, 4);
  assert.match(await page.locator("main").innerText(), /1 log was not asked\. The search was ended/);
  await page.unrouteAll();
  await page.getByRole("button", { name: "Search the rest (1 log)" }).click();
  await searched(page, 4, 4);
});

test("tenants: shows 100,000 of them, and says if the list is incomplete", { skip }, async (t) => {
  const page = await opened(t);
  const id = (number: number) => number.toString(16).padStart(32, "0");
  const SIZE = 100_000;
  let isCut = false;
  await page.route(`${server.url}/tenants?*`, async (route) => {
    const after = new URL(route.request().url()).searchParams.get("after");
    const from = after === null ? 0 : Number.parseInt(after, 16) + 1;
    if (isCut && from > 0) return route.fulfill({ status: 503, json: {} });
    const lines = Array.from({ length: Math.min(1000, SIZE - from) }, (_, place) =>
      JSON.stringify({
        name: `customer ${from + place}`,
        origin: `log.example/audit/t/${id(from + place)}`,
        state: "live",
        size: from + place,
        since: 4,
      }),
    );
    return route.fulfill({ contentType: "application/x-ndjson", body: `${lines.join("\n")}\n` });
  });
  await accepted(page);
  await listed(page, SIZE);
  const drawn = async () => assert.ok((await rows(page).count()) < 100);
  await drawn();
  await page.getByRole("grid").focus();
  await page.keyboard.press("End");
  await page.locator(`[data-tenant="${id(SIZE - 1)}"][aria-selected=true]`).waitFor();
  await drawn();
  await page.locator("#tenant-filter").fill("customer 4711");
  await listed(page, 11);
  await page.locator("#tenant-filter").fill("");
  isCut = true;
  await page.getByRole("button", { name: "Load again" }).click();
  await page.getByText("The list is incomplete.").waitFor();
  await listed(page, 1000);
  await page.getByRole("link", { name: "Search all" }).click();
  await page.getByText("the search doesn’t cover all of them").waitFor();
});

test("search: ends if the token is revoked", { skip }, async (t) => {
  const page = await opened(t);
  await accepted(page);
  await listed(page, NAMES.length);
  await page.route(`${server.url}/t/*/export*`, (route) =>
    route.fulfill({
      status: 401,
      json: { error: { code: "token.invalid", message: "the token is invalid" } },
    }),
  );
  await search(page, "");
  await page.locator(".refused[data-status='401']").waitFor();
  assert.equal(await page.locator("[data-sign-in=accepted]").count(), 0);
});

for (const [colorScheme, width] of [
  ["light", 1200],
  ["dark", 320],
] as const) {
  test(`tenants: axe finds nothing, ${colorScheme} and ${width} px wide`, { skip }, async (t) => {
    const page = await opened(t, { colorScheme, width });
    const check = async (name: string) => {
      assert.deepEqual(await violations(page), [], name);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      assert.equal(wide, false, `${name} is wider than the window`);
    };
    await check("first");
    await accepted(page);
    await listed(page, NAMES.length);
    await check("tenants");
    await page.route(`${server.url}${tenants.globex.path}/export*`, (route) => route.abort());
    await search(page, "action:job.update");
    await searched(page, 3, 4);
    await check("search");
    await page.getByRole("link", { name: "Storage" }).click();
    await page.locator("[data-healthy=true]").waitFor();
    await check("storage");
    await page.getByRole("button", { name: "Deutsch" }).click();
    await page.getByRole("link", { name: "Alle durchsuchen" }).click();
    await page.getByText("3 von 4 Logs angesehen").first().waitFor();
    await check("German");
    await page.getByRole("button", { name: "English" }).click();
  });
}
