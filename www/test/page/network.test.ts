import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, type TestContext, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Page } from "playwright-core";
import { type Browser, choose, endless, launch, open, PAGE, serve, upload, verdict } from "./browser.ts";
import { vector } from "./vectors.ts";

const CONSOLE = fileURLToPath(new URL("../../dist/console.html", import.meta.url));

let browser: Browser;
before(async () => {
  browser = await launch();
});
after(() => browser.close());

/** Every address that the page or its workers request, whether or not they get there. */
async function watched(page: Page): Promise<string[]> {
  const requested: string[] = [];
  browser.context.on("request", (request) => requested.push(request.url()));
  const session = await browser.context.newCDPSession(page);
  await session.send("Network.enable");
  session.on("Network.requestWillBeSent", ({ request }) => requested.push(request.url));
  session.on("Network.webSocketCreated", ({ url }) => requested.push(url));
  session.on("Network.webTransportCreated", ({ url }) => requested.push(url));
  return requested;
}

async function opened(t: TestContext): Promise<Page> {
  const page = await browser.context.newPage();
  t.after(() => page.close());
  return page;
}

async function served(t: TestContext): Promise<Awaited<ReturnType<typeof serve>>> {
  const server = await serve();
  t.after(() => server.close());
  return server;
}

/** Uses everything that the page can do. */
async function useAll(page: Page): Promise<void> {
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await page.getByText("Nothing is uploaded.").click();
  await page.getByRole("button", { name: "Try the sample" }).click();
  await page.locator(".verdict").waitFor();
  assert.match(await verdict(page), /but some events may be withheld\.$/);
  await open(page, "Events");
  await page.locator(".row.event").first().click();
  await page.keyboard.press("Escape");
  await open(page, "Summary");
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download report" }).click();
  await (await download).path();
  // Large enough for several workers.
  const { export: file, trust } = vector("large-whole");
  const padded = Buffer.concat([readFileSync(file), Buffer.alloc(5 << 20, "\n")]);
  await choose(page, "Choose another trust file", trust ?? []);
  await choose(page, "Choose another file", upload("large.ndjson", padded));
  await page.getByText("301 events in 5 chains").waitFor();
  assert.equal(await verdict(page), "Verified.");
  assert.deepEqual(errors, []);
}

const ownAddress = (url: string) => url.startsWith("blob:") || url.startsWith("data:");

test("network: a served page sends no request", async (t) => {
  const server = await served(t);
  const page = await opened(t);
  const requests = await watched(page);
  await page.goto(server.address);
  await useAll(page);
  assert.deepEqual(server.requested, ["/"]);
  assert.deepEqual(
    [...new Set(requests)].filter((url) => !ownAddress(url)),
    [server.address],
  );
});

test("network: a page opened from disk sends no request", async (t) => {
  const page = await opened(t);
  const requests = await watched(page);
  const address = pathToFileURL(PAGE).href;
  await page.goto(address);
  t.after(() => browser.context.setOffline(false));
  await browser.context.setOffline(true);
  await useAll(page);
  assert.deepEqual(
    [...new Set(requests)].filter((url) => !ownAddress(url)),
    [address],
  );
});

test("network: the browser blocks every connection of the page", async (t) => {
  const server = await served(t);
  const page = await opened(t);
  await page.goto(server.address);
  const refused = await page.evaluate(async (address) => {
    const directives: string[] = [];
    const all = new Promise<void>((reported) =>
      document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => {
        if (directives.push(effectiveDirective) === 6) reported();
      }),
    );
    fetch(address).catch(() => {});
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.send();
    navigator.sendBeacon(address, "x");
    new WebSocket(address.replace("http", "ws"));
    new EventSource(address);
    new Image().src = `${address}image`;
    await all;
    return directives.sort();
  }, server.address);
  assert.deepEqual(refused, [...Array(5).fill("connect-src"), "img-src"]);
  assert.deepEqual(server.requested, ["/"]);
});

test("network: the browser blocks every connection of a worker", async (t) => {
  const server = await served(t);
  const page = await opened(t);
  await page.goto(server.address);
  const file = endless();
  const started = page.waitForEvent("worker");
  await choose(page, "Choose a file", file);
  const answer = await (await started).evaluate(
    (address) =>
      fetch(address).then(
        () => "allowed",
        () => "refused",
      ),
    server.address,
  );
  assert.equal(answer, "refused");
  assert.deepEqual(server.requested, ["/"]);
});

test("policy: names script and style by hash and no address", () => {
  const html = readFileSync(PAGE, "utf8");
  const policy = /<meta http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1] ?? "";
  assert.ok(html.indexOf("<script") > html.indexOf("Content-Security-Policy"));
  assert.ok(html.indexOf("<style") > html.indexOf("Content-Security-Policy"));
  assert.match(policy, /(^|; )default-src 'none'(;|$)/);
  assert.match(policy, /(^|; )connect-src 'none'(;|$)/);
  assert.match(policy, /(^|; )script-src 'sha256-[A-Za-z0-9+/]{43}=' 'wasm-unsafe-eval'(;|$)/);
  assert.match(policy, /(^|; )style-src 'sha256-[A-Za-z0-9+/]{43}='(;|$)/);
  assert.match(policy, /(^|; )worker-src blob:(;|$)/);
  assert.doesNotMatch(policy, /unsafe-inline|'unsafe-eval'|https?:|\*/);
  assert.equal(html.match(/<script/g)?.length, 1);
  assert.doesNotMatch(html, /(src|href)="(?!data:)/);
});

test("policy: the page can't connect anywhere, and the console only to its log", () => {
  const [offline = [], atLog = []] = [PAGE, CONSOLE].map((file) => {
    const html = readFileSync(file, "utf8");
    return /<meta http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1]?.split("; ") ?? [];
  });
  assert.ok(offline.includes("connect-src 'none'"));
  assert.ok(atLog.includes("connect-src 'self'"));
  const others = (policy: string[]) =>
    policy.filter((directive) => !/^(connect|script|style)-src /.test(directive));
  assert.deepEqual(others(atLog), others(offline));
  const html = readFileSync(PAGE, "utf8");
  for (const word of ["Authorization", "Bearer ", "connect-src 'self'"])
    assert.ok(!html.includes(word), word);
});
