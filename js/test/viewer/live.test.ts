/** A live log: rows as they arrive, disconnects, and the alarm when its history changes. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { after, test } from "node:test";
import type { Page } from "playwright-core";
import { leafHash } from "../conformance/tree.ts";
import { eventually } from "../eventually.ts";
import { caseNamed } from "../verify/cases.ts";
import { collecting } from "./collecting.ts";
import { Site } from "./site.ts";

const site = await Site.start();
after(() => site.stop());

const log = caseNamed("log-two-chains");
const another = caseNamed("log-fake-checkpoints");
site.answers.set("/trust.txt", log.options.trust ?? "");

const linesOf = ({ bytes }: { bytes: Uint8Array }) => new TextDecoder().decode(bytes).trimEnd().split("\n");
const lines = linesOf(log);
/** Returns the lines up to and including the first checkpoint, and those after it. */
const first = lines.slice(0, 11);
const rest = lines.slice(11);

const isEntry = (line: string) => !line.includes('"checkpoint"') && !line.startsWith('{"countersign"');

/** A log server with what a live view needs. */
class LogServer {
  /** Requests: where the view begins, and where it resumes. */
  readonly asked: { from: string | null; last: string | undefined }[] = [];
  /** Parameters of the requests. */
  readonly searches: string[] = [];
  /** Responses in order; the last one repeats. */
  readonly answers: ((response: ServerResponse) => void)[];
  #open: ServerResponse | undefined;
  #index = 0;

  constructor(...answers: ((response: ServerResponse) => void)[]) {
    this.answers = answers;
    site.answers.set("/stream", (request, response) => this.#answer(request, response));
  }

  /** Sends lines, each entry with its index. */
  send(...lines: string[]): void {
    for (const line of lines) {
      const id = isEntry(line) ? `id: ${this.#index++}\n` : "";
      this.#open?.write(`${id}data: ${line}\n\n`);
    }
  }

  /** Cuts the connection. */
  cut(): void {
    this.#open?.destroy();
  }

  /** Resolves when the viewer has closed the current connection. */
  async ended(): Promise<void> {
    if (this.#open !== undefined) {
      await once(this.#open, "close");
    }
  }

  /** Responds with lines. The first entry has an index. */
  with(index: number, ...lines: string[]): (response: ServerResponse) => void {
    return (response) => {
      response.setHeader("content-type", "text/event-stream");
      response.flushHeaders();
      this.#open = response;
      this.#index = index;
      this.send(...lines);
    };
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const last = request.headers["last-event-id"];
    const { search, searchParams } = new URL(request.url ?? "", "http://site");
    this.searches.push(search);
    this.asked.push({
      from: searchParams.get("from"),
      last: Array.isArray(last) ? last.join() : last,
    });
    const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0];
    answer?.(response);
  }
}

const refused = (status: number) => (response: ServerResponse) => {
  response.statusCode = status;
  response.end("{}");
};

const LIVE = { src: "/stream", trust: "/trust.txt", live: "" };
const ELEMENT = `<countersign-viewer src="/stream" trust="/trust.txt" live></countersign-viewer>`;

/** Opens the element and collects its events. */
async function follow() {
  const tab = await site.open(ELEMENT);
  await tab.page.evaluate(() => {
    const reported: unknown[] = [];
    Object.assign(globalThis, { reported });
    document.addEventListener("countersign-alarm", (event) => {
      const { report, pin } = (event as CustomEvent).detail;
      reported.push([report.verdict, pin]);
    });
  });
  return tab;
}

const alarms = (page: Page) =>
  page.evaluate(() => (globalThis as unknown as { reported: [string, string | null][] }).reported);
const alarm = (page: Page) => page.getByRole("alert").filter({ hasText: "Alarm" });
const upTo = (page: Page, entries: number) =>
  page.locator(".live-line").filter({ hasText: `Verified up to ${entries} entries` });
const events = (page: Page, count: number) =>
  page.locator(".notice").filter({ hasText: new RegExp(`^\\s*${count} events`) });
const eventsIn = (lines: readonly string[]) => lines.filter((line) => line.includes('"event":')).length;
const entryCount = (lines: readonly string[]) => lines.filter(isEntry).length;

test("live: a view from the beginning is complete, and one that omits an entry raises the alarm", async () => {
  const claims = `${first[0]?.slice(0, -1).replace(/,"range":.*/, "")},"range":[0]}`;
  const logServer = new LogServer();
  logServer.answers.push(logServer.with(0, claims, ...first.slice(1)));
  const { page, close } = await follow();
  await page.locator("[data-verdict=verified]").waitFor();
  await page.getByText(`complete: all ${entryCount(first)} entries from`).waitFor();
  const [leaf, ...after] = rest;
  const { link } = JSON.parse(leaf ?? "") as { link: string };
  const hash = createHash("sha256").update(`\0${link}`).digest("base64");
  logServer.send(JSON.stringify({ skip: [0, hash] }), ...after);
  await page.locator("[data-verdict=broken]").waitFor();
  await alarm(page).waitFor();
  await close();
});

test("live: verifies and shows events as they arrive", async () => {
  const logServer = new LogServer();
  logServer.answers.push(logServer.with(0, ...first));
  const { page, complaints, close } = await follow();
  await upTo(page, entryCount(first)).waitFor();
  await events(page, eventsIn(first)).waitFor();
  await page.getByText("Following the log").waitFor();
  assert.equal(await page.getByRole("combobox", { name: "Order" }).inputValue(), "-place", "what arrives comes first");
  logServer.send(...rest);
  await upTo(page, entryCount(lines)).waitFor();
  await events(page, eventsIn(lines)).waitFor();
  assert.equal((await page.locator("cs-rows [role=row][aria-rowindex]").count()) > 0, true);
  assert.equal(await alarm(page).count(), 0);
  await page.getByRole("button", { name: "Stop" }).click();
  await page.getByText("No longer following the log").waitFor();
  // The events verified so far stay.
  await page.getByRole("heading", { name: "Verified." }).waitFor();
  await events(page, eventsIn(lines)).waitFor();
  assert.deepEqual(complaints, []);
  await close();
});

test("live: resumes after a disconnect without losing or repeating entries", async () => {
  const logServer = new LogServer();
  logServer.answers.push(logServer.with(0, ...first), logServer.with(entryCount(first), first.at(-1) ?? "", ...rest));
  const { page, close } = await follow();
  await upTo(page, entryCount(first)).waitFor();
  logServer.cut();
  await page.getByText("Connection lost").waitFor();
  await upTo(page, entryCount(lines)).waitFor();
  await events(page, eventsIn(lines)).waitFor();
  assert.deepEqual(logServer.asked, [
    { from: null, last: undefined },
    { from: null, last: String(entryCount(first) - 1) },
  ]);
  assert.equal(await alarm(page).count(), 0);
  await close();
});

test("live: says that a silent connection is lost, and resumes over another one", async () => {
  const logServer = new LogServer();
  const [begin, ...others] = first;
  logServer.answers.push(
    logServer.with(0, begin ?? ""),
    logServer.with(entryCount(first), first.at(-1) ?? "", ...rest),
  );
  const { page, close } = await follow();
  await page.getByText("Following the log").waitFor();
  await page.clock.install();
  logServer.send(...others);
  await upTo(page, entryCount(first)).waitFor();
  const ended = logServer.ended();
  const lost = page.getByText("Connection lost").waitFor();
  await page.clock.fastForward(45_000);
  await Promise.all([lost, ended]);
  await upTo(page, entryCount(lines)).waitFor();
  assert.deepEqual(logServer.asked, [
    { from: null, last: undefined },
    { from: null, last: String(entryCount(first) - 1) },
  ]);
  assert.equal(await alarm(page).count(), 0);
  await close();
});

test("live: opens the line in the address once the log has sent it", async () => {
  const logServer = new LogServer();
  logServer.answers.push(logServer.with(0, ...first));
  const wanted = lines.findLastIndex((line) => line.includes('"event":')) + 1;
  const { page, close } = await site.open(ELEMENT.replace(" live", " live fragment"), { hash: `#line=${wanted}` });
  await upTo(page, entryCount(first)).waitFor();
  assert.equal(await page.locator("cs-drawer .drawer[open]").count(), 0);
  logServer.send(...rest);
  await page.locator("cs-drawer .drawer[open]").waitFor();
  assert.match(await page.locator("cs-drawer .drawer[open]").innerText(), new RegExp(`\\b${wanted}\\b`));
  await close();
});

test("live: a page that the reader left keeps no connection, and resumes when it is shown again", async () => {
  const logServer = new LogServer();
  logServer.answers.push(logServer.with(0, ...first), logServer.with(entryCount(first), first.at(-1) ?? "", ...rest));
  const { page, close } = await follow();
  await upTo(page, entryCount(first)).waitFor();
  const ended = logServer.ended();
  await page.evaluate(() => void dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true })));
  await ended;
  await upTo(page, entryCount(lines)).waitFor();
  assert.equal(await alarm(page).count(), 0);
  await close();
});

test("live: an altered event raises an alarm that stays", async () => {
  const logServer = new LogServer();
  logServer.answers.push(logServer.with(0, ...first));
  const { page, close } = await follow();
  await upTo(page, entryCount(first)).waitFor();
  logServer.send(...rest.map((line) => line.replace('"event":{', '"event":{"forged":true,')));
  await alarm(page).getByText("The content does not match what was signed").waitFor();
  const [[verdict, pin] = assert.fail()] = await alarms(page);
  assert.equal(verdict, "altered");
  assert.ok(pin?.startsWith(`log.example/audit\n${entryCount(first)}\n`), "the last good pin");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    alarm(page).getByRole("button", { name: "Save the last good checkpoint (pin)" }).click(),
  ]);
  assert.equal(await readFile(await download.path(), "utf8"), pin);
  // Later reports don't clear it.
  logServer.cut();
  await page.getByText("Connection lost").waitFor();
  assert.equal(await alarm(page).count(), 1);
  await close();
});

test("live: compares another log after a disconnect with the pin", async () => {
  const logServer = new LogServer();
  logServer.answers.push(
    logServer.with(0, ...lines),
    // The log can't resume, and restarts at the size of the pin.
    refused(400),
    logServer.with(0, ...linesOf(another)),
  );
  const { page, close } = await follow();
  await upTo(page, entryCount(lines)).waitFor();
  logServer.cut();
  await alarm(page).waitFor();
  await alarm(page).getByText("The log was rewritten since it was pinned").waitFor();
  assert.deepEqual(logServer.asked.slice(1), [
    { from: null, last: String(entryCount(lines) - 1) },
    { from: String(entryCount(lines)), last: undefined },
  ]);
  assert.equal((await alarms(page)).length, 1);
  await close();
});

test("live: a log that became shorter raises the alarm", async () => {
  const logServer = new LogServer();
  logServer.answers.push(
    logServer.with(0, ...lines),
    refused(400),
    // Even the size of the pin no longer exists.
    refused(400),
    logServer.with(0, ...first),
  );
  const { page, close } = await follow();
  await upTo(page, entryCount(lines)).waitFor();
  logServer.cut();
  await alarm(page).getByText("The log is shorter than when it was pinned").waitFor();
  assert.equal((await alarms(page))[0]?.[0], "altered");
  await close();
});

test("live: reports a reader without access and retries a busy log", async () => {
  const logServer = new LogServer();
  logServer.answers.push(refused(401));
  const denied = await follow();
  await denied.page.getByRole("heading", { name: "You don’t have access" }).waitFor();
  await denied.page.getByText("status 401").waitFor();
  await denied.close();

  const busy = new LogServer();
  busy.answers.push(refused(503), busy.with(0, ...lines));
  const { page, close } = await follow();
  await upTo(page, entryCount(lines)).waitFor();
  assert.equal(busy.asked.length, 2);
  await close();
});

test("live: reads an export first, then continues with the stream", async () => {
  site.answers.set("/export", (_request, response) => {
    response.setHeader("content-type", "application/x-ndjson");
    response.end(`${first.join("\n")}\n`);
  });
  const logServer = new LogServer();
  logServer.answers.push(logServer.with(entryCount(first), ...rest));
  const { page, close } = await site.open(ELEMENT.replace("/stream", "/export?since=2026-01-01&limit=9&actor=ada"));
  await upTo(page, entryCount(lines)).waitFor();
  await events(page, eventsIn(lines)).waitFor();
  assert.deepEqual(logServer.asked, [{ from: null, last: String(entryCount(first) - 1) }]);
  assert.equal(logServer.searches.at(-1), "?since=2026-01-01&actor=ada");
  assert.equal(await alarm(page).count(), 0);
  await close();
});

/** Serves the first lines as an export. Returns how often it was requested. */
function serveExport(): { requests: number } {
  const served = { requests: 0 };
  site.answers.set("/export", (_request, response) => {
    served.requests += 1;
    response.setHeader("content-type", "application/x-ndjson");
    response.end(`${first.join("\n")}\n`);
  });
  return served;
}

test("live: a log that refuses only the stream ends the view with its own error", async () => {
  const [refusal, denial] = [
    ["The log refused the request", "request.refused"],
    ["You don’t have access", "source.denied"],
  ] as const;
  for (const [status, [name, code]] of [
    [400, refusal],
    [401, denial],
    [403, denial],
    [404, refusal],
  ] as const) {
    const served = serveExport();
    const logServer = new LogServer((response) => {
      response.statusCode = status;
      response.setHeader("content-type", "application/json");
      const error = { code: "request.refused", message: "the token has ended", hint: "log in again" };
      response.end(JSON.stringify({ error, parameter: "tenant" }));
    });
    const { page, events, close } = await collecting(site, { ...LIVE, src: "/export" });
    await page.getByRole("heading", { name }).waitFor();
    await page.getByText("The token has ended").waitFor();
    await page.getByText("Log in again").waitFor();
    assert.deepEqual(
      (await events()).filter(([name]) => name === "error"),
      [["error", code, "the token has ended", "log in again"]],
    );
    assert.ok((await events()).filter(([name]) => name === "report").length <= 1);
    assert.deepEqual([served.requests, logServer.asked.length], [1, 1], `${status}`);
    await close();
  }
});

test("live: says that a log can't be reached, with the status, and retries on request", async () => {
  const logServer = new LogServer();
  logServer.answers.push(refused(503), refused(503), logServer.with(0, ...lines));
  const { page, events, close } = await collecting(site, LIVE);
  await page.getByRole("heading", { name: "The log can’t be reached" }).waitFor();
  await page.getByRole("status").filter({ hasText: "HTTP status 503" }).waitFor();
  await page.getByText(/^Next try in \d+ s$/).waitFor();
  assert.equal(await page.getByText("Connection lost").count(), 0);
  assert.equal(await page.getByText("No problems so far").count(), 0);
  assert.deepEqual(await events(), []);
  await page.getByRole("button", { name: "Try now" }).click();
  await upTo(page, entryCount(lines)).waitFor();
  assert.equal(logServer.asked.length, 3);
  await close();
});

test("live: counts down to the next try without announcing it, and a hanging try can be given up", async () => {
  const logServer = new LogServer();
  const busy = (response: ServerResponse) => {
    response.setHeader("retry-after", "50");
    refused(503)(response);
  };
  logServer.answers.push(busy, () => {}, logServer.with(0, ...lines));
  const { page, close } = await follow();
  const countdown = page.locator("cs-countdown");
  const left = async () => Number(/^Next try in (\d+) s$/.exec((await countdown.textContent()) ?? "")?.[1]);
  await countdown.getByText(/^Next try in \d+ s$/).waitFor();
  const shown = await left();
  assert.ok(shown <= 50, `${shown}`);
  await eventually("the countdown goes on", left, (now) => now <= shown - 2);
  assert.equal(
    await countdown.evaluate((element) => element.closest("[role=status], [role=alert], [aria-live]")),
    null,
  );
  await page.getByRole("button", { name: "Try now" }).click();
  await page.getByText("Connecting to the log").waitFor();
  await page.getByRole("heading", { name: "The log can’t be reached" }).waitFor();
  assert.equal(logServer.asked.length, 2);
  // The second try has no response.
  await page.getByRole("button", { name: "Try now" }).click();
  await upTo(page, entryCount(lines)).waitFor();
  assert.equal(logServer.asked.length, 3);
  assert.equal(await page.getByRole("button", { name: "Try now" }).count(), 0);
  await close();
});

test("live: says that there are no matching events before the first one", async () => {
  const header = first[0]?.replace(/,"range":.*(?=\})/, "") ?? "";
  const checkpoint = first.at(-1) ?? "";
  const [, size] = (JSON.parse(checkpoint) as { checkpoint: string }).checkpoint.split("\n");
  const entries = first.slice(1, -1).map((line) => JSON.parse(line) as { link?: string; note?: string });
  const hashes = entries.map(({ link, note = "" }) => leafHash(link ?? note).toString("base64"));
  assert.equal(hashes.length, Number(size));
  const logServer = new LogServer();
  logServer.answers.push(
    logServer.with(0, header, ...hashes.map((hash) => JSON.stringify({ skip: [0, hash] })), checkpoint),
  );
  const { page, close } = await follow();
  await page.getByRole("heading", { name: "No matching events yet" }).waitFor();
  assert.equal(await page.getByText("Not fully checked").count(), 0);
  await close();
});
