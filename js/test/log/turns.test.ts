/** Tests that searches take turns, and that submissions go first. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Turns } from "../../packages/cloudflare-log/out/turns.js";
import { Chain } from "../conformance/chain.ts";
import { type Answer, ask } from "../conformance/http.ts";
import { AUDITOR, DESK, EMITTERS, ORIGIN, SETUP } from "../conformance/setup.ts";
import { type RunningLog, startLog } from "./start.ts";

/** Waits for this many rounds of the event loop. */
const rounds = async (count: number) => {
  for (let round = 0; round < count; round += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
};

test("Turns: slices take turns, with the event loop in between", async () => {
  const turns = new Turns();
  const order: string[] = [];
  let now = "";
  const search = async (name: string) => {
    for (let slice = 1; slice <= 3; slice += 1) {
      await turns.next();
      assert.equal(now, "");
      now = name;
      order.push(`${name}${slice}`);
      queueMicrotask(() => {
        now = "";
      });
    }
  };
  await Promise.all(["a", "b", "c"].map(search));
  assert.deepEqual(order, ["a1", "b1", "c1", "a2", "b2", "c2", "a3", "b3", "c3"]);
});

test("Turns: a slice waits for running submissions, up to a limit", async () => {
  const turns = new Turns();
  let end = () => {};
  const submission = turns.first(() => new Promise<void>((resolve) => (end = resolve)));
  let given = false;
  const turn = turns.next().then(() => {
    given = true;
  });
  await rounds(5);
  assert.equal(given, false);
  end();
  await submission;
  await turn;
  // A submission that never ends is not awaited.
  turns.first(() => new Promise(() => {}));
  await turns.next();
});

const EVENTS = 6_000;
const chain = Chain.begin(EMITTERS[0], ORIGIN, "turns");
let log: RunningLog;
before(async () => {
  log = await startLog({ ...SETUP, withoutBuckets: true });
  const answer = await ask(log.url, "/submit", { method: "POST", body: chain.events(EVENTS).body() });
  assert.equal(answer.status, 200, answer.text);
});
after(() => log.close());

const read = (path: string) => ask(log.url, path, { headers: { authorization: `Bearer ${AUDITOR}` } });
const SEARCH = "/export?q=nothing-that-is-there";

test("log: answers a submission before four running searches", async () => {
  const order: string[] = [];
  const note = (name: string) => (answer: Answer) => {
    assert.equal(answer.status, 200, answer.text);
    order.push(name);
  };
  const searches = [1, 2, 3, 4].map(() => read(SEARCH).then(note("search")));
  for (const seed of [1, 2, 3]) {
    const body = Chain.begin(EMITTERS[1], ORIGIN, `turns ${seed}`).events(2).body();
    await ask(log.url, "/submit", { method: "POST", body }).then(note("submission"));
  }
  await Promise.all(searches);
  assert.deepEqual(order.slice(0, 3), ["submission", "submission", "submission"]);
});

test("log: rejects further searches with a retry time, and answers everything else", async () => {
  const answers = Promise.all(Array.from({ length: 12 }, () => read(SEARCH)));
  assert.equal((await read("/checkpoint")).status, 200);
  const refused = (await answers).filter(({ status }) => status !== 200);
  for (const answer of refused) {
    answer.refusal(503, "server.busy");
    assert.equal(answer.headers["retry-after"], "1");
  }
  assert.ok(refused.length > 0 && refused.length <= 8, `${refused.length} were refused`);
  assert.equal((await read(SEARCH)).status, 200);
});

test("log: an erasure by event fields takes turns too", async () => {
  const erase = (filter: object) =>
    ask(log.url, "/erase", {
      method: "POST",
      headers: { authorization: `Bearer ${DESK}` },
      body: JSON.stringify({ filter, reason: "case 21" }),
    });
  const counts = (erased: number) => ({ erased, without: 0, own: 0, held: 0 });
  assert.deepEqual((await erase({ q: "nothing-that-is-there" })).json, counts(0));
  const expected = chain.lines.filter(({ text }) => text.includes('"u_3"')).length;
  assert.deepEqual((await erase({ actor: "u_3" })).json, counts(expected));
});
