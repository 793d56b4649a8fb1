/** Tests that clients with many rejections wait without delaying others. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { clientOf, Entrance } from "../../packages/cloudflare-log/out/entrance.js";
import { logHandler } from "../../packages/cloudflare-log/out/handler.js";
import type { LogEnv } from "../../packages/cloudflare-log/out/platform.js";
import { Chain } from "../conformance/chain.ts";
import { ask } from "../conformance/http.ts";
import { Signer } from "../conformance/keys.ts";
import { ORIGIN, PAGE, SETUP } from "../conformance/setup.ts";
import { type RunningLog, startLog } from "./start.ts";

const NOW = 1_700_000_000_000;
/** Burst size, and maximum number of waiting rejections. */
const AT_ONCE = 200;
const WAITING = 256;

/** Returns the waits of this many simultaneous rejections. */
const waits = (entrance: Entrance, client: string, count: number, now = NOW): number[] =>
  Array.from({ length: count }, () => entrance.wait(client, now));

test("Entrance: answers rejections at a limited rate after a burst", () => {
  const entrance = new Entrance();
  assert.deepEqual(waits(entrance, "a", AT_ONCE), Array(AT_ONCE).fill(0));
  assert.deepEqual(waits(entrance, "b", 3), [40, 80, 120]);
  assert.deepEqual(waits(entrance, "a", 1, NOW + 60), [100]);
  // After a pause, the burst is available again, and no more.
  assert.deepEqual(waits(entrance, "a", AT_ONCE + 1, NOW + 3_600_000), [...Array(AT_ONCE).fill(0), 40]);
});

test("Entrance: turns away only clients with many waiting rejections", () => {
  const entrance = new Entrance();
  waits(entrance, "flood", AT_ONCE + WAITING - 1);
  assert.equal(entrance.turnsAway("flood", NOW), false);
  waits(entrance, "beside it", 1);
  assert.equal(entrance.turnsAway("flood", NOW), true);
  for (const client of ["beside it", "elsewhere"]) {
    assert.equal(entrance.turnsAway(client, NOW), false, client);
  }
  // The queue is full, and doesn't grow for others.
  assert.deepEqual(waits(entrance, "elsewhere", 1_000), Array(1_000).fill(0));
  assert.equal(entrance.roomIn(NOW), 1);
  // The queue empties by itself, also if clients disconnected.
  assert.equal(entrance.turnsAway("flood", NOW + 39), true);
  assert.equal(entrance.turnsAway("flood", NOW + 40), false);
  assert.equal(entrance.turnsAway("flood", NOW + WAITING * 40), false);
});

test("Entrance: counts open requests of clients with waiting rejections", async () => {
  const entrance = new Entrance();
  const ends: (() => void)[] = [];
  const open = (client: string, count: number) =>
    Array.from({ length: count }, () => entrance.during(client, () => new Promise<void>((end) => ends.push(end))));
  waits(entrance, "flood", AT_ONCE + WAITING - 20);
  const works = [...open("flood", 19), ...open("emitter", 300)];
  assert.equal(entrance.turnsAway("flood", NOW), false);
  works.push(...open("flood", 1));
  assert.equal(entrance.turnsAway("flood", NOW), true);
  assert.equal(entrance.turnsAway("emitter", NOW), false);
  works.push(...open("emitter", 724));
  assert.equal(entrance.turnsAway("emitter", NOW), true);
  for (const end of ends) {
    end();
  }
  await Promise.all(works);
  assert.deepEqual([entrance.turnsAway("flood", NOW), entrance.turnsAway("emitter", NOW)], [false, false]);
});

test("clientOf: returns an IPv4 address or an IPv6 /64", () => {
  const of = (address?: string) =>
    clientOf(
      new Request("https://log.example/", { headers: address === undefined ? {} : { "cf-connecting-ip": address } }),
    );
  assert.equal(of(), "");
  assert.equal(of("198.51.100.7"), "198.51.100.7");
  for (const same of ["2001:db8:0:1:2:3:4:5", "2001:db8:0:1::9", "2001:db8:0:1::"]) {
    assert.equal(of(same), "2001:db8:0:1", same);
  }
  assert.equal(of("2001:db8::9"), "2001:db8:0:0");
  assert.equal(of("::1"), "0:0:0:0");
});

/** Returns a log that rejects unauthorized submissions, behind the deployed Worker. */
function behind() {
  let requests = 0;
  const fetch = async (request: Request) => {
    requests += 1;
    const who = request.method === "GET" ? request.headers.get("authorization") : await request.text();
    return who === "stranger" ? new Response("refused", { status: 403 }) : new Response("taken");
  };
  const LOG = { idFromName: () => ({}), get: () => ({ fetch }) };
  const env = { LOG, AUDIT_LOG_KEY: "", AUDIT_TRUST: "", AUDIT_CORS: PAGE } as unknown as LogEnv;
  const { fetch: handle } = logHandler({ log: () => ORIGIN });
  return {
    read: (client: string, who: string) => {
      const headers = { "cf-connecting-ip": client, authorization: who };
      return handle(new Request("https://log.example/export", { headers }), env);
    },
    submit: (client: string, who: string) => {
      const headers = { "cf-connecting-ip": client, origin: PAGE };
      return handle(new Request("https://log.example/submit", { method: "POST", body: who, headers }), env);
    },
    asked: () => requests,
  };
}

/** True if the promise settles without waiting. */
async function isThere(something: Promise<unknown>): Promise<boolean> {
  let there = false;
  something.then(() => (there = true));
  for (let round = 0; round < 20; round += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  return there;
}

test("log: rejected clients wait, and authorized ones don't", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: NOW });
  const { submit, asked } = behind();
  const flood = Array.from({ length: AT_ONCE + 40 }, () => submit("198.51.100.1", "stranger"));
  assert.ok(await isThere(Promise.all(flood.slice(0, AT_ONCE))));
  assert.ok(!(await isThere(Promise.race(flood.slice(AT_ONCE)))));
  // From the same address, while 40 rejections wait.
  assert.equal((await submit("198.51.100.1", "emitter")).status, 200);
  assert.equal(asked(), AT_ONCE + 41);
  t.mock.timers.tick(40);
  assert.ok(await isThere(Promise.race(flood.slice(AT_ONCE))));
  assert.ok(!(await isThere(Promise.race(flood.slice(AT_ONCE + 1)))));
  t.mock.timers.tick(39 * 40);
  for (const answer of await Promise.all(flood)) {
    assert.deepEqual([answer.status, await answer.text()], [403, "refused"]);
  }
});

test("log: turns away a client with too many waiting rejections without involving the log", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: NOW });
  const { submit, asked } = behind();
  const flood = Array.from({ length: AT_ONCE + WAITING }, () => submit("198.51.100.1", "stranger"));
  assert.ok(await isThere(Promise.all(flood.slice(0, AT_ONCE))));
  const before = asked();
  const turned = await submit("198.51.100.1", "emitter");
  assert.equal(turned.status, 429);
  assert.equal(turned.headers.get("retry-after"), "1");
  assert.equal(turned.headers.get("access-control-allow-origin"), PAGE);
  assert.equal(((await turned.json()) as { error: { code: string } }).error.code, "server.busy");
  assert.equal(asked(), before);
  assert.equal((await submit("198.51.100.2", "emitter")).status, 200);
  t.mock.timers.tick(WAITING * 40);
  await Promise.all(flood);
  assert.equal((await submit("198.51.100.1", "emitter")).status, 200);
});

test("log: bursts and rejected reads of one client don't reach the log beyond the limits", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: NOW });
  const { submit, read, asked } = behind();
  for (const [send, client] of [
    [submit, "198.51.100.1"],
    [read, "198.51.100.2"],
  ] as const) {
    const start = asked();
    const sent: Promise<Response>[] = [];
    const burst = async () => {
      sent.push(...Array.from({ length: 500 }, () => send(client, "stranger")));
      await isThere(new Promise(() => {}));
    };
    await burst();
    const before = asked();
    assert.equal(before - start, 500);
    for (let second = 0; second < 5; second += 1) {
      t.mock.timers.tick(1_000);
      await burst();
    }
    assert.ok(asked() - before <= 5 * 25, `${asked() - before} in 5 seconds`);
    assert.equal((await send("198.51.100.3", "emitter")).status, 200);
    t.mock.timers.tick(3_600_000);
    await Promise.all(sent);
  }
});

let log: RunningLog;
before(async () => {
  log = await startLog({ ...SETUP, withoutBuckets: true });
});
after(() => log.close());

/** Returns the number of rejections for a reason. */
async function turnedAway(reason: string): Promise<number> {
  const { text } = await ask(log.url, "/metrics");
  const [, count] = new RegExp(`^countersign_turned_away_total\\{reason="${reason}"\\} (\\d+)$`, "m").exec(text) ?? [];
  return Number(count);
}

test("log: rejects an unauthorized large body by its beginning", async () => {
  const before = await turnedAway("unknown");
  const body = Chain.begin(new Signer("example.org/stranger", 77), ORIGIN, "entrance").events(4_000).body();
  assert.ok(body.length > 1 << 20);
  (await ask(log.url, "/submit", { method: "POST", body })).refusal(403, "log.unauthorized");
  assert.equal(await turnedAway("unknown"), before + 1);
});
