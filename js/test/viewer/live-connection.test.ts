/** Retries of a live view. */

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { verifyLive } from "countersign/verify";
import { LiveConnection } from "../../packages/ui/dist/viewer/session/live-connection.js";
import { caseNamed } from "../verify/cases.ts";

// Addresses are resolved against the page's.
Object.assign(globalThis, { document: { baseURI: "https://log.example/" } });

const LINE = '{"countersign":"export/v1","origin":"log.example/app"}';
const live = () => new Response(`data: ${LINE}\n\n`, { headers: { "content-type": "text/event-stream" } });

test("LiveConnection: doubles the delay after each failure, from a second to half a minute", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let requests = 0;
  let isUp = false;
  const request = async () => {
    requests += 1;
    return isUp ? live() : Response.error();
  };
  const left = new AbortController();
  const following = new LiveConnection("/stream", request, left.signal);
  const links = new EventEmitter();
  following.onLink = (link) => void links.emit(link.state, link);
  const lines = following.lines(null);
  let lost = once(links, "lost");
  const first = lines.next();
  for (const [nth, seconds] of [1, 2, 4, 8, 16, 30, 30].entries()) {
    assert.deepEqual(await lost, [{ state: "lost", seconds }]);
    t.mock.timers.tick(seconds * 1000 - 1);
    await setImmediate();
    assert.equal(requests, nth + 1);
    isUp = nth === 6;
    lost = once(links, "lost");
    t.mock.timers.tick(1);
  }
  assert.deepEqual(await first, { done: false, value: LINE });
  // Received lines reset the delay.
  const next = lines.next();
  assert.deepEqual(await lost, [{ state: "lost", seconds: 1 }]);
  left.abort(new Error("the reader left"));
  await assert.rejects(next, /the reader left/);
});

test("LiveConnection: retries temporary failures and reports permanent ones", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  for (const status of [408, 425, 429, 500, 503]) {
    const answers = [new Response(null, { status }), live()];
    const following = new LiveConnection(
      "/stream",
      async () => answers.shift() ?? live(),
      new AbortController().signal,
    );
    const links = new EventEmitter();
    following.onLink = (link) => void links.emit(link.state, link);
    const lost = once(links, "lost");
    const first = following.lines(null).next();
    await lost;
    t.mock.timers.tick(1000);
    assert.deepEqual(await first, { done: false, value: LINE }, `${status}`);
  }
  for (const status of [400, 401, 403, 404, 410, 421]) {
    const following = new LiveConnection(
      "/stream",
      async () => new Response(null, { status }),
      new AbortController().signal,
    );
    await assert.rejects(following.lines(null).next(), new RegExp(`status ${status}`));
  }
});

const TENANT = "https://log.example/audit/t/acacacacacacacacacacacacacacacac";

/** A request, and the lines it is answered with; `ids` are those of a stream's events, with the line they precede. */
interface Step {
  readonly request: readonly [address: string, lastEventId: string | null];
  readonly lines: readonly string[];
  readonly ids?: Readonly<Record<number, string>>;
}

/** Follows `address` through these steps, and returns the verified lines and the report. */
async function follow(address: string, steps: readonly Step[], pin: string | null, trust: string | undefined) {
  const { signal, abort } = controlled();
  const left = [...steps];
  const requests: (readonly [string, string | null])[] = [];
  const request = async (address: string, { headers }: RequestInit) => {
    const step = left.shift();
    if (step === undefined) {
      abort();
      throw new TypeError("the reader left");
    }
    requests.push([address, new Headers(headers).get("last-event-id")]);
    return step.ids === undefined ? exported(step.lines) : streamed(step.lines, step.ids);
  };
  const following = new LiveConnection(address, request, signal);
  const lines: string[] = [];
  const decoder = new TextDecoder();
  const passed = async function* () {
    try {
      for await (const piece of following.lines(pin)) {
        lines.push(...(typeof piece === "string" ? [piece] : decoder.decode(piece).trimEnd().split("\n")));
        yield piece;
      }
    } catch (error) {
      assert.ok(signal.aborted, String(error));
    }
  };
  const { report } = await verifyLive(passed(), { trust, pins: pin === null ? [] : [pin], onReport: () => {} });
  assert.deepEqual(
    requests,
    steps.map(({ request }) => request),
  );
  return { lines, report };
}

function controlled() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort(new Error("the reader left")) };
}

function exported(lines: readonly string[]): Response {
  return new Response(`${lines.join("\n")}\n`, { headers: { "content-type": "application/x-ndjson" } });
}

function streamed(lines: readonly string[], ids: Readonly<Record<number, string>>): Response {
  const events = lines.map((line, at) => `${ids[at] === undefined ? "" : `id: ${ids[at]}\n`}data: ${line}\n\n`);
  return new Response(events.join(""), { headers: { "content-type": "text/event-stream" } });
}

test("LiveConnection: follows a tenant log, and resumes with the index and tick that its lines state", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"], now: 0 });
  const ticking = setInterval(() => t.mock.timers.tick(1000), 5);
  t.after(() => clearInterval(ticking));
  const { bytes, options } = caseNamed("tenant-two-heads");
  const all = new TextDecoder().decode(bytes).trimEnd().split("\n");
  const heads = all.flatMap((line, at) => (line.startsWith('{"head"') ? [at] : []));
  assert.deepEqual(heads, [6, 12]);
  const stream = `${TENANT}/stream`;
  const { lines, report } = await follow(
    `${TENANT}/export?limit=200`,
    [
      { request: [`${TENANT}/export?limit=200`, null], lines: all.slice(0, 7) },
      // The connection is lost after the anchor, then after an entry, then before the first new line.
      { request: [stream, "4/2020"], lines: all.slice(7, 8), ids: { 0: "4/4095" } },
      { request: [stream, "4/4095"], lines: all.slice(8, 10), ids: { 0: "5/4095", 1: "6/4095" } },
      { request: [stream, "6/4095"], lines: [], ids: {} },
      { request: [stream, "6/4095"], lines: all.slice(10), ids: { 0: "7/4095", 1: "8/4095", 2: "8/4100" } },
      { request: [stream, "8/4100"], lines: [], ids: {} },
    ],
    null,
    options.trust,
  );
  assert.deepEqual(lines, all);
  assert.deepEqual([report.verdict, report.history?.anchors], ["verified", 1]);
});

test("LiveConnection: continues the export of an ordinary log after its last entry", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"], now: 0 });
  const ticking = setInterval(() => t.mock.timers.tick(1000), 5);
  t.after(() => clearInterval(ticking));
  const { bytes, options } = caseNamed("log-two-chains");
  const all = new TextDecoder().decode(bytes).trimEnd().split("\n");
  const { checkpoint } = JSON.parse(all.at(-1) ?? "") as { checkpoint: string };
  const last = String(Number(checkpoint.split("\n")[1]) - 1);
  const steps: readonly Step[] = [
    { request: ["https://log.example/export", null], lines: all },
    { request: ["https://log.example/stream", last], lines: all.slice(-1), ids: {} },
    { request: ["https://log.example/stream", last], lines: [], ids: {} },
  ];
  const { lines, report } = await follow("/export", steps, null, options.trust);
  assert.deepEqual([lines, report.verdict], [[...all, all.at(-1)], "verified"]);
});

test("LiveConnection: begins a tenant log at the size in a pin that is a head proof", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"], now: 0 });
  const ticking = setInterval(() => t.mock.timers.tick(1000), 5);
  t.after(() => clearInterval(ticking));
  const { bytes, options } = caseNamed("tenant-two-heads");
  const all = new TextDecoder().decode(bytes).trimEnd().split("\n");
  const { head: pin } = JSON.parse(all[6] ?? "") as { head: string };
  const steps: readonly Step[] = [
    { request: [`${TENANT}/stream?from=5`, null], lines: all, ids: { 12: "8/4100" } },
    { request: [`${TENANT}/stream`, "8/4100"], lines: [], ids: {} },
  ];
  const { report } = await follow(`${TENANT}/stream`, steps, pin, options.trust);
  assert.deepEqual([report.verdict, report.checks.append_only.state], ["verified", "pass"]);
});
