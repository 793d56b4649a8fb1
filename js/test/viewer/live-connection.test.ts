/** Retries of a live view. */

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { verifyLive } from "countersign/verify";
import { LiveConnection, type LostLink } from "../../packages/ui/dist/viewer/session/live-connection.js";
import { caseNamed } from "../verify/cases.ts";

// Addresses are resolved against the page's.
Object.assign(globalThis, { document: { baseURI: "https://log.example/" } });

const LINE = '{"countersign":"export/v1","origin":"log.example/app"}';
const live = () => new Response(`data: ${LINE}\n\n`, { headers: { "content-type": "text/event-stream" } });

/** Asserts what is known about a connection that is retried. */
function assertLost([link]: unknown[], expected: Partial<LostLink>): void {
  const { state, seconds, status, wasConnected } = link as LostLink;
  assert.deepEqual({ state, seconds, status, wasConnected }, { state: "lost", ...expected });
}

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
    assertLost(await lost, { seconds, status: undefined, wasConnected: false });
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
  assertLost(await lost, { seconds: 1, status: undefined, wasConnected: true });
  left.abort(new Error("the reader left"));
  await assert.rejects(next, /the reader left/);
});

test("LiveConnection: gives up a retry that has no response for a minute", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const hanging = (signal: AbortSignal) =>
    new Promise<Response>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  let requests = 0;
  const request = async (_: string, { signal }: RequestInit) => {
    requests += 1;
    if (requests === 2) {
      return hanging(signal as AbortSignal);
    }
    return requests === 1 ? Response.error() : live();
  };
  const following = new LiveConnection("/stream", request, new AbortController().signal);
  const links = new EventEmitter();
  following.onLink = (link) => void links.emit(link.state, link);
  let lost = once(links, "lost");
  const lines = following.lines(null);
  const first = lines.next();
  await lost;
  lost = once(links, "lost");
  const connecting = once(links, "connecting");
  t.mock.timers.tick(1000);
  await connecting;
  t.mock.timers.tick(59_999);
  await setImmediate();
  assert.equal(requests, 2);
  t.mock.timers.tick(1);
  assertLost(await lost, { seconds: 2, status: undefined, wasConnected: false });
  t.mock.timers.tick(2000);
  assert.deepEqual(await first, { done: false, value: LINE });
  // Time in which nobody asks for a line isn't silence.
  t.mock.timers.tick(120_000);
  assert.equal(requests, 3);
  await lines.return?.(undefined);
});

test("LiveConnection: gives up a stream that is silent for 45 seconds, and resumes after its last line", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let send: (text: string) => void = () => {};
  let isCanceled = false;
  const open = () =>
    new ReadableStream<Uint8Array>({
      start(controller) {
        send = (text) => controller.enqueue(new TextEncoder().encode(text));
      },
      cancel() {
        isCanceled = true;
      },
    });
  const resumed: (string | null)[] = [];
  const request = async (_: string, { headers }: RequestInit) => {
    resumed.push(new Headers(headers).get("last-event-id"));
    return new Response(open(), { headers: { "content-type": "text/event-stream" } });
  };
  const following = new LiveConnection("/stream", request, new AbortController().signal);
  const links = new EventEmitter();
  const states: string[] = [];
  following.onLink = (link) => {
    states.push(link.state);
    links.emit(link.state, link);
  };
  const lines = following.lines(null);
  let connected = once(links, "following");
  const first = lines.next();
  await connected;
  send(`id: 4\ndata: ${LINE}\n\n`);
  assert.deepEqual(await first, { done: false, value: LINE });
  const next = lines.next();
  await setImmediate();
  for (let comments = 0; comments < 3; comments++) {
    t.mock.timers.tick(44_999);
    send(": no new entries\n\n");
    await setImmediate();
  }
  assert.deepEqual(states, ["connecting", "following"]);
  const lost = once(links, "lost");
  t.mock.timers.tick(45_000);
  assertLost(await lost, { seconds: 1, status: undefined, wasConnected: true });
  assert.ok(isCanceled);
  connected = once(links, "following");
  t.mock.timers.tick(1000);
  await connected;
  assert.deepEqual(resumed, [null, "4"]);
  send('id: 5\ndata: {"link":"next"}\n\n');
  assert.deepEqual(await next, { done: false, value: '{"link":"next"}' });
  await lines.return?.(undefined);
});

test("LiveConnection: compares an export with a pin without hiding what is before it", async () => {
  const pin = `log.example/app\n167\n${"A".repeat(43)}=\n`;
  for (const [address, requested] of [
    ["/export?actor=u_1", "/export?actor=u_1&boundary=167"],
    ["/stream?from=0", "/stream?from=167"],
  ] as const) {
    const asked: string[] = [];
    const request = async (to: string) => {
      asked.push(to);
      return live();
    };
    const following = new LiveConnection(address, request, new AbortController().signal);
    await following.lines(pin).next();
    assert.deepEqual(asked, [`https://log.example${requested}`]);
  }
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

/** A log's error. */
const refused = (status: number, code: string, beside: object = {}, headers: Record<string, string> = {}) =>
  Response.json(
    { error: { code, message: "the log says no", hint: "ask for access" }, ...beside },
    { status, headers },
  );

/** Returns a request function that answers in order, and the addresses it was asked for. */
function answering(...answers: Response[]) {
  const asked: string[] = [];
  const request = async (address: string) => {
    asked.push(address);
    return answers.shift() ?? assert.fail("one request too many");
  };
  return { asked, request };
}

/** Reads a view up to its end, and returns whether it restarts. */
async function drained(following: LiveConnection, pin: string | null = null): Promise<boolean> {
  let restarts = false;
  following.onRestart = () => {
    restarts = true;
  };
  for await (const _ of following.lines(pin)) {
    // Only the end counts.
  }
  return restarts;
}

/** Lets retries come at once. */
const retryAtOnce = (following: LiveConnection) => {
  following.onLink = (link) => link.state === "lost" && queueMicrotask(link.retry);
};

const exportOf = (name: string) => new TextDecoder().decode(caseNamed(name).bytes).trimEnd().split("\n");

test("LiveConnection: continues an export with its conditions", async () => {
  const all = exportOf("log-two-chains");
  for (const [path, stream] of [
    ["/export?actor=ada&limit=200", "/stream?actor=ada"],
    [
      "/a/export?tenant=acme&from=2&boundary=3&since=2026-01-01&team=x+y",
      "/a/stream?tenant=acme&since=2026-01-01&team=x+y",
    ],
    ["/export?query=actor%3Aada%20OR%20tenant%3Ax", "/stream?query=actor%3Aada+OR+tenant%3Ax"],
    ["/export", "/stream"],
  ] as const) {
    const { asked, request } = answering(exported(all), refused(403, "request.forbidden"));
    const following = new LiveConnection(path, request, new AbortController().signal);
    await assert.rejects(drained(following), { code: "request.forbidden" });
    assert.deepEqual(asked, [`https://log.example${path}`, `https://log.example${stream}`]);
  }
});

test("LiveConnection: follows an empty log from its first entry on, with the same conditions", async () => {
  const { asked, request } = answering(
    exported([
      LINE,
      JSON.stringify({ checkpoint: "log.example/app\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n" }),
    ]),
    refused(403, "request.forbidden"),
  );
  const following = new LiveConnection("/export?tenant=acme&limit=5", request, new AbortController().signal);
  assert.equal(await drained(following), true);
  await assert.rejects(drained(following), { code: "request.forbidden" });
  assert.equal(asked[1], "https://log.example/stream?tenant=acme&from=0");
});

test("LiveConnection: refuses an export with an end, since a stream would show more", async () => {
  const { asked, request } = answering(exported(exportOf("log-two-chains")));
  const following = new LiveConnection("/export?actor=ada&to=5", request, new AbortController().signal);
  await assert.rejects(drained(following), { code: "source.invalid", message: /parameter `to`/ });
  assert.equal(asked.length, 1);
});

test("LiveConnection: ends with the log's own error if only the stream is refused", async () => {
  for (const [status, code, beside] of [
    [400, "request.invalid", { parameter: "tenant" }],
    [401, "request.unauthenticated", {}],
    [403, "request.forbidden", {}],
    [404, "request.not_found", {}],
  ] as const) {
    const { asked, request } = answering(exported(exportOf("log-two-chains")), refused(status, code, beside));
    const following = new LiveConnection("/export", request, new AbortController().signal);
    await assert.rejects(drained(following), { code, message: "the log says no", hint: "ask for access" });
    assert.equal(asked.length, 2, `${status}`);
  }
});

test("LiveConnection: restarts only once if the log can't continue", async () => {
  const all = exportOf("log-two-chains");
  const invalid = () => refused(400, "request.invalid", { parameter: "Last-Event-ID" });
  const { asked, request } = answering(exported(all), invalid(), exported(all), invalid());
  const following = new LiveConnection("/export", request, new AbortController().signal);
  retryAtOnce(following);
  assert.equal(await drained(following), true);
  await assert.rejects(drained(following), { code: "request.invalid" });
  assert.equal(asked.length, 4);
});

test("LiveConnection: the delay grows while only the stream fails", async () => {
  const all = exportOf("log-two-chains");
  const down = () => new Response(null, { status: 503 });
  const { request } = answering(exported(all), down(), down(), down(), refused(403, "request.forbidden"));
  const following = new LiveConnection("/export", request, new AbortController().signal);
  const seconds: number[] = [];
  following.onLink = (link) => {
    if (link.state === "lost") {
      seconds.push(link.seconds);
      assert.deepEqual([link.status, link.wasConnected], [503, true]);
      queueMicrotask(link.retry);
    }
  };
  await assert.rejects(drained(following), { code: "request.forbidden" });
  assert.deepEqual(seconds, [1, 2, 4]);
});

test("LiveConnection: waits as long as the server asks", async () => {
  const soon = new Date(Date.now() + 90_000).toUTCString();
  for (const [after, least, most] of [
    ["7", 7, 7],
    [soon, 80, 90],
    ["99999999", 3600, 3600],
    ["soon", 1, 1],
  ] as const) {
    const { request } = answering(
      refused(429, "access.busy", {}, { "retry-after": after }),
      refused(403, "request.forbidden"),
    );
    const following = new LiveConnection("/stream", request, new AbortController().signal);
    let waited = 0;
    following.onLink = (link) => {
      if (link.state === "lost") {
        waited = link.seconds;
        queueMicrotask(link.retry);
      }
    };
    await assert.rejects(drained(following), { code: "request.forbidden" });
    assert.ok(waited >= least && waited <= most, `${after}: ${waited}`);
  }
});

test("LiveConnection: says that a server sent a web page", async () => {
  const page = () => new Response("<!doctype html>", { headers: { "content-type": "text/html; charset=utf-8" } });
  for (const answers of [[page()], [exported(exportOf("log-two-chains")), page()]]) {
    const { request } = answering(...answers);
    const following = new LiveConnection("/export", request, new AbortController().signal);
    await assert.rejects(drained(following), { code: "source.invalid", message: /a web page \(text\/html\)/ });
  }
  const { request } = answering(exported(exportOf("log-two-chains")), Response.json({}));
  const following = new LiveConnection("/export", request, new AbortController().signal);
  await assert.rejects(drained(following), { message: "the server sent application/json, not text/event-stream" });
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
