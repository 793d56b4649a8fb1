import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, type TestContext, test } from "node:test";
import { pathToFileURL } from "node:url";
import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "playwright-core";
import { type Browser, choose, launch, PAGE, saved, verdict } from "./browser.ts";
import { type Answer, exported, type FakeLog, fakeLog, problem, SERVED_PAGE } from "./fake-log.ts";
import { vector } from "./vectors.ts";

const TOKEN = "ct_reader_Zm9vYmFy";

let browser: Browser;
before(async () => {
  browser = await launch({ reducedMotion: "reduce" });
});
after(() => browser.close());

async function opened(
  t: TestContext,
  { colorScheme = "light", width = 1200 }: { colorScheme?: "light" | "dark"; width?: number } = {},
): Promise<{ page: Page; log: FakeLog }> {
  const log = await fakeLog();
  const page = await browser.context.newPage();
  t.after(async () => {
    await page.close();
    await log.close();
  });
  await page.emulateMedia({ colorScheme });
  await page.setViewportSize({ width, height: 800 });
  await page.goto(log.address);
  return { page, log };
}

async function load(page: Page, token = TOKEN): Promise<void> {
  await page.getByLabel("Reader’s token").fill(token);
  await page.getByRole("button", { name: "Load an export" }).click();
}

const refused = async (page: Page) => {
  await page.locator(".refused").waitFor();
  return (await page.locator(".refused").innerText()).replace(/\s+/g, " ");
};

test("an export of the log is verified as a chosen file is, and can be kept", async (t) => {
  const { page, log } = await opened(t);
  const { export: file, trust } = vector("log-two-chains");
  // Larger than what is held in one piece.
  const content = Buffer.concat([readFileSync(file), Buffer.alloc(9 << 20, "\n")]);
  log.answer = exported(content, {
    "Content-Disposition": 'attachment; filename="../audit log.ndjson"',
  });
  await load(page);
  await page.locator(".verdict").waitFor();
  assert.equal(await verdict(page), "Consistent in itself, signer not confirmed.");
  await choose(page, "Choose a trust file", trust ?? []);
  await page.locator(".verdict.tone-good").waitFor();
  assert.equal(await verdict(page), "Verified.");
  assert.match((await page.locator(".file").textContent()) ?? "", /^\s*audit log\.ndjson/);
  assert.match(
    (await page.locator("#command-help").textContent()) ?? "",
    /with the program, once the export is saved:/,
  );
  const kept = await saved(page, "Save export");
  assert.ok(content.equals(Buffer.from(kept.text)));
  assert.equal(kept.name, "audit log.ndjson");
  assert.deepEqual(
    log.asked.map(({ url }) => url),
    ["/export"],
  );
});

test("the token goes into one header, and is kept nowhere", async (t) => {
  const { page, log } = await opened(t);
  log.answer = exported(readFileSync(vector("plain-closed").export));
  await load(page);
  await page.locator(".verdict").waitFor();
  const [request] = log.asked;
  assert.equal(request?.headers.authorization, `Bearer ${TOKEN}`);
  assert.equal(request?.headers.referer, undefined);
  assert.equal(request?.rawHeaders.filter((text) => text.includes(TOKEN)).length, 1);
  assert.equal(page.url(), log.address);
  const kept = await page.evaluate(async () => [
    ...Object.values(localStorage),
    ...Object.values(sessionStorage),
    document.cookie,
    JSON.stringify(history.state),
    ...(await indexedDB.databases()).map(({ name }) => name),
    document.documentElement.outerHTML,
  ]);
  assert.ok(kept.every((text) => !text?.includes(TOKEN)));
  assert.equal(await page.getByLabel("Reader’s token").getAttribute("type"), "password");
  assert.equal(await page.getByLabel("Reader’s token").getAttribute("autocomplete"), "off");
  await page.reload();
  assert.equal(await page.getByLabel("Reader’s token").inputValue(), "");
});

test("conditions are asked for, and without a token none is sent", async (t) => {
  const { page, log } = await opened(t);
  log.answer = exported(readFileSync(vector("plain-closed").export));
  await page.getByText("Only some events").click();
  await page.getByLabel("Actor").fill("u_ada");
  await page.getByLabel("Action", { exact: true }).fill("job.*");
  await page.getByLabel("Since, in UTC").fill("2026-11-20T06:01:00");
  await page.getByLabel("Before, in UTC").fill("2026-11-21T00:00:00");
  await page.getByLabel("Words").fill("night shift");
  await page.getByText("Only some events 5 conditions").waitFor();
  await load(page, "");
  await page.locator(".verdict").waitFor();
  const [request] = log.asked;
  assert.equal(request?.headers.authorization, undefined);
  assert.equal(
    request?.url,
    "/export?actor=u_ada&action=job.*&since=2026-11-20T06%3A01%3A00.000Z&until=2026-11-21T00%3A00%3A00.000Z&q=night+shift",
  );
});

test("a part of the log is asked for as a pin needs it, and that is said", async (t) => {
  const { page, log } = await opened(t);
  // At 9 leaves and at 15.
  log.answer = exported(readFileSync(vector("pin-same").export));
  await choose(page, "Add a pin", [...vector("pin-same").pins]);
  await load(page);
  await page.locator(".verdict").waitFor();
  await page.getByText("Only some events").click();
  await page.getByText("your pin is at 15 leaves").waitFor();
  await page.getByLabel("Actor").fill("u_ada");
  const asked = page.waitForRequest(/export/);
  await load(page);
  await asked;
  assert.deepEqual(
    log.asked.map(({ url }) => url),
    ["/export", "/export?actor=u_ada&boundary=15"],
  );
});

test("what cannot be asked for is said before the log is asked", async (t) => {
  const { page, log } = await opened(t);
  await load(page, "two words");
  await page.getByText("A token is one word without spaces.").waitFor();
  const token = page.getByLabel("Reader’s token");
  assert.equal(await token.getAttribute("aria-invalid"), "true");
  assert.ok(await token.evaluate((field) => field === document.activeElement));
  await page.getByText("Only some events").click();
  await page.getByLabel("Since, in UTC").focus();
  await page.keyboard.type("11");
  await page.getByText("Only some events").click();
  await load(page);
  await page.getByText("The time is not whole").waitFor();
  assert.ok(await page.getByLabel("Since, in UTC").evaluate((field) => field === document.activeElement));
  assert.equal(log.asked.length, 0);
});

const PAGE_TO_LOG_IN: Answer = (_request, response) => {
  response.writeHead(200, { "Content-Type": "text/html" }).end("<!doctype html><p>Log in</p>");
};
const BROKEN_OFF: Answer = (_request, response) => {
  response.writeHead(200, { "Content-Type": "application/x-ndjson" });
  response.write(readFileSync(vector("plain-closed").export), () =>
    setTimeout(() => response.destroy(), 200),
  );
};
const REDIRECTED: Answer = (_request, response) => {
  response.writeHead(302, { Location: "/elsewhere" }).end();
};
const NO_JSON: Answer = (_request, response) => {
  response.writeHead(502, { "Content-Type": "text/html" }).end("<h1>Bad gateway</h1>");
};
const ENDLESS: Answer = (_request, response) => {
  response.writeHead(503);
  const more = () => {
    while (!response.destroyed && response.write(Buffer.alloc(1 << 16, "x")));
  };
  response.on("drain", more);
  more();
};

const REFUSALS: [string, Answer, RegExp, string?][] = [
  [
    "a condition that it does not understand",
    problem(400, { code: "request.invalid", message: "action has no value", hint: "leave it out" }),
    /^The log cannot use what you ask for Correct it and load again\. The log says: action has no value \(leave it out\) request\.invalid$/,
  ],
  [
    "a missing token",
    problem(401, { code: "request.unauthenticated", message: "a token is needed" }),
    /^The log asks for a token Ask whoever runs the log for a reader’s token\. The log says: a token is needed/,
    "",
  ],
  [
    "an unknown token",
    problem(401, { code: "request.unauthenticated", message: "the token is not known" }),
    /^The log does not know this token Was it copied whole\?/,
  ],
  [
    "a token for something else",
    problem(403, { code: "request.forbidden", message: "the token may only erase" }),
    /^This token may not read this .* request\.forbidden$/,
  ],
  [
    "a log that has published nothing",
    problem(404, { code: "request.not_found", message: "the log has published nothing yet" }),
    /^The log has nothing to export here .* the log has published nothing yet/,
  ],
  [
    "a busy log",
    problem(429, { code: "server.busy", message: "too many exports" }, { "Retry-After": "7" }),
    /^The log has too much to do Load again in 7 s\./,
  ],
  [
    "a log that cannot",
    problem(503, { code: "server.unavailable", message: "the log cannot do this now" }),
    /^The log cannot answer now Load again in a moment\./,
  ],
  ["a proxy's error", NO_JSON, /^The log failed to answer \(502\) Load again later\..*runs the log\.$/],
  ["an error without an end", ENDLESS, /^The log cannot answer now Load again in a moment\.$/],
  ["a page to log in", PAGE_TO_LOG_IN, /^This is no export but a web page /],
  ["an export that breaks off", BROKEN_OFF, /^The export broke off It ended after [0-9.]+ kB, before it was/],
  ["a redirection", REDIRECTED, /^The log did not answer /],
];

for (const [what, answer, told, token] of REFUSALS) {
  test(`${what} is told, with what to do`, async (t) => {
    const { page, log } = await opened(t);
    log.answer = answer;
    await load(page, token);
    assert.match(await refused(page), told);
    assert.equal(
      await page
        .getByRole("alert")
        .filter({ has: page.locator(".refused-title") })
        .count(),
      1,
    );
    assert.equal(await page.locator(".result section").count(), 0);
    // It can be tried again at once.
    log.answer = exported(readFileSync(vector("plain-closed").export));
    await load(page);
    await page.locator(".verdict").waitFor();
    assert.equal(await page.locator(".refused").count(), 0);
    assert.deepEqual([...new Set(log.asked.map(({ url }) => url))], ["/export"]);
  });
}

test("a log that is gone is told", async (t) => {
  const { page, log } = await opened(t);
  await log.close();
  await load(page);
  assert.match(await refused(page), /^The log did not answer It may have been stopped/);
});

test("what the log says is text", async (t) => {
  const { page, log } = await opened(t);
  const hostile = '<img src=x onerror="document.title=1"> \u202e evil';
  log.answer = problem(403, { code: hostile, message: hostile, hint: hostile });
  await load(page);
  const text = await refused(page);
  assert.equal(text.split("<img src=x").length, 4);
  assert.ok(text.includes("U+202E"));
  assert.equal(await page.locator(".refused img").count(), 0);
});

test("a slow export shows what has come, and can be cancelled by keyboard", async (t) => {
  const { page, log } = await opened(t);
  const ended = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<() => void>();
  log.answer = (_request, response) => {
    response.on("close", () => ended.resolve());
    begun.resolve(() => {
      response.writeHead(200, { "Content-Type": "application/x-ndjson" });
      response.write(Buffer.alloc(3_000_000, "\n"));
    });
  };
  await page.getByLabel("Reader’s token").fill(TOKEN);
  await page.getByRole("button", { name: "Load an export" }).focus();
  await page.keyboard.press("Enter");
  const go = await begun.promise;
  await page.getByText("Waiting for the log").waitFor();
  await page.getByRole("status").filter({ hasText: "Loading an export" }).waitFor({ state: "attached" });
  go();
  await page.getByText("3 MB so far", { exact: true }).first().waitFor();
  const cancel = page.getByRole("button", { name: "Cancel loading" });
  assert.ok(await cancel.evaluate((button) => button === document.activeElement));
  await page.keyboard.press("Enter");
  await ended.promise;
  const again = page.getByRole("button", { name: "Load an export" });
  await again.waitFor();
  assert.ok(await again.evaluate((button) => button === document.activeElement));
  await page
    .getByRole("status")
    .filter({ hasText: "Cancelled, nothing was loaded" })
    .waitFor({ state: "attached" });
  assert.equal(await page.locator(".result section").count(), 0);
  assert.equal(await page.locator(".file").count(), 0);
});

test("a log cannot say what the reader trusts", async (t) => {
  const { page, log } = await opened(t);
  const { export: file, trust = "" } = vector("plain-closed");
  log.answer = exported(readFileSync(trust), { "Content-Disposition": 'attachment; filename="trust.txt"' });
  await load(page);
  await page.locator(".verdict.tone-bad").waitFor();
  assert.equal(await page.locator(".chosen-list li").count(), 0);
  log.answer = exported(readFileSync(file));
  await load(page);
  await page.locator(".verdict.tone-doubt").waitFor();
  assert.equal(await verdict(page), "Consistent in itself, signer not confirmed.");
});

test("the page connects to its own log and to nobody else", async (t) => {
  const { page, log } = await opened(t);
  const other: string[] = [];
  const server = createServer((request, response) => {
    other.push(request.url ?? "");
    response.writeHead(200, { "Access-Control-Allow-Origin": "*" }).end();
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  t.after(() => server.close());
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const refusedTo = await page.evaluate(async (address) => {
    const directives: string[] = [];
    const all = new Promise<void>((reported) =>
      document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => {
        if (directives.push(effectiveDirective) === 5) reported();
      }),
    );
    fetch(address).catch(() => {});
    navigator.sendBeacon(address, "x");
    new WebSocket(address.replace("http", "ws"));
    new EventSource(address);
    new Image().src = `${address}image`;
    await all;
    return directives.sort();
  }, address);
  assert.deepEqual(refusedTo, [...Array(4).fill("connect-src"), "img-src"]);
  // Nor does the log send it there, token and all.
  log.answer = (_request, response) => {
    response.writeHead(307, { Location: `${address}export` }).end();
  };
  await load(page);
  assert.match(await refused(page), /^The log did not answer/);
  assert.deepEqual(other, []);
});

test("a page that came without encryption says who can read the token", async (t) => {
  const { page } = await opened(t, { width: 320 });
  assert.equal(await page.locator(".plain").count(), 0);
  await page.addInitScript(() => Object.defineProperty(window, "isSecureContext", { value: false }));
  await page.reload();
  await page.getByText("This page came without encryption").waitFor();
  await assertAccessible(page, "without encryption");
});

test("only what is loaded is asked of the log", async (t) => {
  const { page, log } = await opened(t);
  await page.getByText("No file is uploaded.").click();
  const { export: file, trust } = vector("plain-closed");
  await choose(page, "Choose a trust file", trust ?? []);
  await choose(page, "Choose an export", file);
  await page.locator(".verdict.tone-good").waitFor();
  await page.getByRole("button", { name: "Try the sample" }).click();
  await page.getByText("sample.countersign.ndjson").first().waitFor();
  await page.locator(".verdict.tone-good").waitFor();
  assert.deepEqual(log.asked, []);
  assert.equal(await page.getByRole("button", { name: "Save export" }).count(), 0);
});

test("a saved copy of the page says that it loads from nowhere", async (t) => {
  const page = await browser.context.newPage();
  t.after(() => page.close());
  await page.goto(pathToFileURL(SERVED_PAGE).href);
  await page.getByText("This is a saved copy of a page that a log serves.").waitFor();
  assert.equal(await page.getByLabel("Reader’s token").count(), 0);
  await page.getByRole("button", { name: "Try the sample" }).click();
  await page.locator(".verdict.tone-good").waitFor();
});

test("the two pages say what they may connect to, and the one for disk has no way to a log", () => {
  const policies = [PAGE, SERVED_PAGE].map((file) => {
    const html = readFileSync(file, "utf8");
    return /<meta http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1]?.split("; ") ?? [];
  });
  const [offline = [], served = []] = policies;
  assert.ok(offline.includes("connect-src 'none'"));
  assert.ok(served.includes("connect-src 'self'"));
  const others = (policy: string[]) =>
    policy.filter((directive) => !/^(connect|script|style)-src /.test(directive));
  assert.deepEqual(others(served), others(offline));
  const html = readFileSync(PAGE, "utf8");
  for (const word of ["Authorization", "Bearer ", "<countersign-log", "connect-src 'self'"]) {
    assert.ok(!html.includes(word), word);
  }
});

async function assertAccessible(page: Page, state: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" | ")}`,
  );
  assert.deepEqual(found, [], state);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), state);
}

for (const [colorScheme, width] of [
  ["light", 1200],
  ["dark", 1200],
  ["light", 320],
] as const) {
  test(`every state is accessible in the ${colorScheme} theme, ${width} pixels wide`, async (t) => {
    const { page, log } = await opened(t, { colorScheme, width });
    await assertAccessible(page, "empty");
    await page.getByText("No file is uploaded.").click();
    await page.getByText("Only some events").click();
    await load(page, "two words");
    await assertAccessible(page, "a complaint");
    log.answer = problem(401, {
      code: "request.unauthenticated",
      message: `unknown${"x".repeat(300)}`,
      hint: "ask",
    });
    await load(page);
    await refused(page);
    await assertAccessible(page, "refused");
    log.answer = (_request, response) => {
      response.writeHead(200).write("\n");
    };
    await load(page);
    await page.getByText("1 byte so far", { exact: true }).first().waitFor();
    await assertAccessible(page, "loading");
    assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
    await page.getByRole("button", { name: "Cancel loading" }).click();
    log.answer = exported(readFileSync(vector("large-whole").export));
    await load(page);
    await page.locator(".row time").first().waitFor();
    await assertAccessible(page, "done");
    assert.equal(await page.getByRole("region", { name: "From this log", exact: true }).count(), 1);
  });
}
