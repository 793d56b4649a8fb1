/** Tests a gate in workerd: a Worker's requests, a watchlist, a limit in a Durable Object, and the log. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Miniflare } from "miniflare";
import { GatedLog, skip } from "../adapters/gate.ts";
import { bundled, start } from "../adapters/workerd.ts";
import { EMITTERS, LOG } from "../conformance/setup.ts";
import { eventually } from "../eventually.ts";
import { FINDING, listServer, PACK, WATCH, watchlist } from "./lists.ts";

const bundle = await bundled(new URL("worker/gated.ts", import.meta.url));

describe("gate in a Worker", { skip, timeout: 90_000 }, () => {
  const log = new GatedLog();
  let list: Awaited<ReturnType<typeof listServer>>;
  let worker: Miniflare;
  const ends: (() => void)[] = [];
  const run = () =>
    start(bundle, {
      bindings: { KEY: EMITTERS[0].secret, URL: log.url, LOG: LOG.vkey, WATCHLIST: list.url, WATCH: WATCH.vkey },
      durableObjects: { LIMITS: { className: "GateLimits", useSQLite: true } },
    });
  before(async () => {
    await log.start();
    list = await listServer({ after: (end) => ends.push(end) });
    list.note = watchlist(1, [
      { kind: "actor", value: "u_evil" },
      { kind: "address", value: "192.0.2.66", decision: "challenge" },
    ]);
    worker = run();
  });
  after(async () => {
    await worker.dispose();
    await log.close();
    for (const end of ends) {
      end();
    }
  });

  const ask = async (path: string, headers: Record<string, string> = {}) => {
    const answer = await worker.dispatchFetch(`http://worker.test${path}`, { headers });
    await answer.text();
    return answer.status;
  };

  test("refuses by rules, watchlist, and a Durable Object's limit, and records that", async () => {
    assert.equal(await ask("/jobs", { "x-user": "u_1" }), 200);
    assert.equal(await ask("/internal/x", { "x-user": "u_1" }), 403);
    assert.equal(await ask("/jobs", { "x-user": "u_evil" }), 403);
    assert.equal(await ask("/jobs", { "x-user": "u_1", "cf-connecting-ip": "192.0.2.66" }), 401);
    // Exactly the limit of concurrent requests is allowed.
    const often = await Promise.all(Array.from({ length: 12 }, () => ask("/often", { "x-user": "u_2" })));
    assert.deepEqual(
      [200, 429].map((status) => often.filter((found) => found === status).length),
      [5, 7],
    );
    assert.equal(await ask("/often", { "x-user": "u_3" }), 200);
    assert.equal(list.asked, 1, "the list is fetched once");

    const recorded = await eventually(
      "17 events are in the log",
      () => log.events(),
      ({ length }) => length >= 17,
    );
    const events = recorded.map(({ event }) => event as Record<string, unknown>);
    const refusals = events.flatMap(({ outcome, countersign }) => (outcome === "denied" ? [countersign] : []));
    assert.equal(refusals.length, 10);
    const by = (rule: string) => (refusals as { rule: string }[]).filter((refusal) => refusal.rule === rule);
    assert.deepEqual(by("failed-logins"), [
      { decision: "deny", finding: FINDING, pack: PACK, rule: "failed-logins" },
      { decision: "challenge", finding: FINDING, pack: PACK, rule: "failed-logins" },
    ]);
    assert.equal(by("internal").length, 1);
    assert.equal(by("exactly").length, 7);
  });
});
