/** The page of a tenant log, `/t/<ID>/`, of a real log server with two tenants. */

import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import type { Page } from "playwright-core";
import { violations } from "../../../js/test/axe.ts";
import { TenantServer } from "../../../js/test/tenants/server.ts";
import { type Browser, launch } from "../page/browser.ts";
import { tab, verdictIn } from "./navigation.ts";
import { CONSOLE, events, skip } from "./real-log.ts";

let browser: Browser;
before(async () => {
  browser = await launch({ reducedMotion: "reduce", remembers: true });
});
after(() => browser.close());

async function opened(t: TestContext, { width = 1200, colorScheme = "light" as "light" | "dark" } = {}) {
  const server = await TenantServer.start({ args: ["--page", CONSOLE] });
  const [acme, globex] = [await server.addWithToken("acme"), await server.addWithToken("globex")];
  await server.record(acme, events(8));
  const page = await browser.context.newPage();
  const requested: URL[] = [];
  page.on("request", (request) => requested.push(new URL(request.url())));
  t.after(async () => {
    await page.close();
    await server.close();
    const elsewhere = requested.filter(
      ({ protocol, pathname }) => protocol === "http:" && !pathname.startsWith(`${acme.path}/`),
    );
    assert.deepEqual(elsewhere, [], "the page requests nothing but its own log");
  });
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize({ width, height: 900 });
  await page.goto(`${server.url}${acme.path}/#tab=search`);
  return { server, acme, globex, page };
}

async function trust(page: Page, text: string): Promise<void> {
  await page.getByText("Paste a trust file").click();
  await page.getByLabel("Trust file", { exact: true }).fill(text);
  await page.getByRole("button", { name: "Use it" }).click();
  await page.locator(".trust-part").getByText("pasted-trust.txt").first().waitFor();
}

async function enter(page: Page, token: string): Promise<void> {
  await page.getByLabel("Access token").fill(token);
  await page.getByRole("button", { name: "Use this token" }).click();
}

const complete = (page: Page, words: string) =>
  verdictIn(page, "verified").filter({ hasText: words }).waitFor();

test("tenant page: verifies the customer's log, and follows it through a restart", { skip }, async (t) => {
  const { server, acme, globex, page } = await opened(t);
  await trust(page, acme.trust);
  await enter(page, acme.token);
  await complete(page, "complete: all 10 entries of this customer’s log, nothing missing, as of");
  await tab(page, "Live");
  await page.getByRole("button", { name: "Start", exact: true }).click();
  await complete(page, "all 10 entries of this customer’s log, from");
  await Promise.all([server.record(acme, events(1)), server.record(globex, events(3, "globex.secret"))]);
  await complete(page, "all 13 entries of this customer’s log, from");
  await server.restart();
  await page.locator(".live-line[data-state=lost]").waitFor();
  await server.record(acme, events(1, "job.back"));
  await complete(page, "all 16 entries of this customer’s log, from");
  await page.locator("countersign-viewer cs-rows [role=row]", { hasText: "job.back" }).first().waitFor();
  assert.equal(await page.locator(".alarms .alarm").count(), 0);
  assert.equal(await page.getByText("globex.secret").count(), 0);
});

test("tenant page: refuses another customer's token, and isn't green with another trust file", {
  skip,
}, async (t) => {
  const { acme, globex, page } = await opened(t);
  await enter(page, globex.token);
  await page.locator(".refused[data-status='404']").waitFor();
  assert.match(
    await page.locator(".refused").innerText(),
    /a token for another log is answered like this too/,
  );
  await trust(page, globex.trust);
  await enter(page, acme.token);
  await verdictIn(page, "broken").filter({ hasText: "A different log" }).waitFor();
});

for (const [colorScheme, width] of [
  ["light", 1200],
  ["dark", 320],
] as const) {
  test(`tenant page: axe finds nothing, ${colorScheme} and ${width} px wide`, { skip }, async (t) => {
    const { acme, page } = await opened(t, { colorScheme, width });
    const check = async (name: string) => {
      assert.deepEqual(await violations(page), [], name);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      assert.equal(wide, false, `${name} is wider than the window`);
    };
    await check("first");
    await trust(page, acme.trust);
    await enter(page, acme.token);
    await complete(page, "customer’s log");
    await check("search");
    for (const name of ["Coverage", "Keys", "Witnesses", "Storage"]) {
      await tab(page, name);
      await page.locator("main section").first().waitFor();
      await check(name);
    }
  });
}
