import assert from "node:assert/strict";
import { after, before, type TestContext, test } from "node:test";
import type { Page } from "playwright-core";
import { violations } from "../../../js/test/axe.ts";
import { type Browser, launch } from "../page/browser.ts";
import { Issuer, noIssuer } from "./issuer.ts";
import { verdict } from "./navigation.ts";
import { events, skip as noProgram, RealLog } from "./real-log.ts";

const skip = noProgram || noIssuer;

let browser: Browser;
let issuer: Issuer;
let log: RealLog;
before(async () => {
  if (skip) return;
  browser = await launch({ reducedMotion: "reduce" });
  issuer = await Issuer.start();
  log = await RealLog.start(
    ...["--oidc-issuer", issuer.url, "--oidc-audience", Issuer.CLIENT, "--oidc-client", Issuer.CLIENT],
    ...["--oidc-allow", "groups=auditors read"],
  );
  log.record(events(5));
});
after(async () => {
  await browser?.close();
  await log?.close();
  await issuer?.close();
});

/** The console, and every address that the page requested. */
async function opened(t: TestContext, hash = ""): Promise<{ page: Page; requested: string[] }> {
  const page = await browser.context.newPage();
  const requested: string[] = [];
  const complaints: string[] = [];
  page.on("request", (request) => requested.push(request.url()));
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (/Content Security Policy|Trusted Type/.test(message.text())) complaints.push(message.text());
  });
  t.after(async () => {
    await page.close();
    assert.deepEqual(complaints, []);
  });
  await page.goto(`${log.url}/${hash}`);
  return { page, requested };
}

const signIn = (page: Page) => page.getByRole("button", { name: /^Sign in at 127\.0\.0\.1:/ });

/** Sets who signs in at the issuer from now on. */
const person = (groups: readonly string[]) =>
  issuer.tell({ do: "page", back: `${log.url}/`, person: "u_7", claims: { groups } });

test("sign-in: leaves nothing behind but the token in memory, if the reader wants that", {
  skip,
}, async (t) => {
  await person(["auditors"]);
  const { page, requested } = await opened(t, "#tab=search&query=action%3Ajob.*");
  await page.getByText("Paste a trust file").click();
  await page.getByLabel("Trust file", { exact: true }).fill(log.trust);
  await page.getByRole("button", { name: "Use it" }).click();
  await page.getByLabel("Keep the token and the trust file").uncheck();
  assert.deepEqual(await violations(page), []);
  const read = page.waitForRequest(/\/export\?limit=1$/);
  await signIn(page).click();
  const [scheme, token = ""] = ((await read).headers().authorization ?? "").split(" ");
  assert.deepEqual([scheme, token.split(".").length], ["Bearer", 3]);
  await page.locator("[data-sign-in=accepted]").waitFor();
  // The previous trust and search are restored and verified.
  await verdict(page, "verified");
  const at = new URL(page.url());
  assert.deepEqual([at.search, new URLSearchParams(at.hash.slice(1)).get("query")], ["", "action:job.*"]);
  const kept = await page.evaluate(() => [
    ...Object.values(localStorage),
    ...Object.values(sessionStorage),
    document.cookie,
    location.href,
    JSON.stringify(history.state),
    document.documentElement.outerHTML,
  ]);
  assert.ok(kept.every((text) => !text.includes(token)));
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  assert.ok(requested.every((url) => !url.includes(token)));
  // Only the issuer received the code, in the body of a request.
  assert.ok(requested.every((url) => !new URL(url).searchParams.has("code")));
  const elsewhere = new Set(
    requested
      .map((url) => new URL(url))
      .filter(({ protocol }) => protocol === "http:")
      .map(({ origin }) => origin),
  );
  assert.deepEqual([...elsewhere].sort(), [log.url, issuer.url].sort());
  await page.reload();
  await signIn(page).waitFor();
  assert.equal(await page.locator("[data-sign-in=accepted]").count(), 0);
});

test("sign-in: informs a reader whom the issuer knows but the log rejects", { skip }, async (t) => {
  await person(["others"]);
  const { page } = await opened(t);
  await signIn(page).click();
  await page.locator(".refused[data-status='403']").waitFor();
  assert.equal(await page.locator("[data-sign-in=accepted]").count(), 0);
});

test("sign-in: rejects a response that this tab didn't request", { skip }, async (t) => {
  for (const [name, back] of [
    ["nobody went", "#code=stolen&state=made-up"],
    ["nobody went, by query", "?code=stolen&state=made-up"],
    ["refused there", "#error=access_denied&state=made-up"],
  ] as const) {
    const { page, requested } = await opened(t, back);
    await page.locator("[data-sign-in=failed]").waitFor();
    assert.ok(!page.url().includes("stolen") && !page.url().includes("made-up"), name);
    assert.ok(
      requested.every((url) => !url.startsWith(`${issuer.url}/token`)),
      name,
    );
  }
  // The browser went to the issuer, and returns with another state.
  const { page, requested } = await opened(t);
  await page.route(`${issuer.url}/auth?*`, (route) =>
    route.fulfill({ status: 302, headers: { location: `${log.url}/#code=stolen&state=another` } }),
  );
  await signIn(page).click();
  await page.locator("[data-sign-in=failed]").waitFor();
  assert.ok(requested.every((url) => !url.startsWith(`${issuer.url}/token`)));
  assert.equal(await page.evaluate(() => sessionStorage.length), 0);
});

test("sign-in: reports an unreachable issuer, and a token still works", { skip }, async (t) => {
  const { page } = await opened(t);
  await page.route(`${issuer.url}/**`, (route) => route.abort("connectionrefused"));
  await signIn(page).click();
  await page.locator("[data-sign-in=failed]").waitFor();
  await page.getByLabel("Access token").fill(log.token);
  await page.getByRole("button", { name: "Use this token" }).click();
  await page.locator("[data-sign-in=accepted]").waitFor();
});
