/** Tests wrong clocks, and a log that rejects future times. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { linesOf, MemoryLog, refusal } from "./log.ts";
import { record, recorderOf } from "./recorder.ts";
import { Storage } from "./storage.ts";

const MINUTE = 60_000;
const NOON = Date.UTC(2026, 10, 20, 12);

const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const timeOf = (link: string) => Date.parse(/ (\d{4}-\S+Z) /.exec(link)?.[1] ?? "");

/** Creates the clocks of a log and a recorder. A log may report its time when it rejects later times. */
function clocks({ says = false, asks = says }: { says?: boolean; asks?: boolean } = {}) {
  const clock = { log: NOON, recorder: NOON };
  const log = new MemoryLog();
  log.always = (body, pass) => {
    const ahead = Math.max(...linesOf(body).map(({ link }) => timeOf(link))) - clock.log - 2 * MINUTE;
    const beside = says ? { now: new Date(clock.log).toISOString() } : {};
    const headers = asks ? { "retry-after": `${Math.min(Math.ceil(ahead / 1000), 3600)}` } : undefined;
    return ahead > 0 ? refusal(503, "submit.early", beside, headers) : pass();
  };
  const times = () => [...log.chains.values()].map((links) => links.map(timeOf));
  return { clock, log, times, now: () => clock.recorder };
}

const twenty = Array.from({ length: 20 }, (_, nth) => `b.${nth}`);

test("clock: events with future times wait without blocking later ones", async () => {
  const { clock, log, now } = clocks();
  const recorder = await recorderOf(log, new Storage(), { now });
  record(recorder, "a.right");
  await recorder.flush();
  clock.recorder = NOON + 600 * MINUTE;
  record(recorder, "a.ahead");
  await assert.rejects(recorder.flush(), { code: "clock.ahead" });
  clock.recorder = NOON + MINUTE;
  const [handle] = record(recorder, "b.right");
  await assert.rejects(recorder.flush(), { code: "clock.ahead" });
  assert.equal((await handle?.delivered())?.seq, 1);
  assert.deepEqual(log.actions, ["a.right", "b.right"]);
  record(recorder, "b.next");
  await assert.rejects(recorder.flush(), { code: "clock.ahead" });
  assert.deepEqual(log.actions, ["a.right", "b.right", "b.next"]);
  clock.log = NOON + 600 * MINUTE;
  await recorder.close();
  assert.deepEqual(log.actions, ["a.right", "b.right", "b.next", "a.ahead"]);
});

test("clock: waiting events are retried in time, and others immediately", async (t) => {
  const { clock, log, now } = clocks({ asks: true });
  const recorder = await recorderOf(log, undefined, { now, autoFlush: { maxEvents: 30, maxDelayMs: 1 } });
  // Keeps the program busy; an idle program would flush once more.
  const busy = setInterval(() => {}, 1_000);
  t.after(() => clearInterval(busy));
  clock.recorder = NOON + HOUR;
  record(recorder, "a.ahead");
  await assert.rejects(recorder.flush(), { code: "clock.ahead" });
  clock.recorder = NOON;
  record(recorder, ...twenty);
  await assert.rejects(recorder.flush(), { code: "clock.ahead" });
  assert.deepEqual(log.actions, twenty);
  const [next] = record(recorder, "c.next");
  await next?.delivered();
  const sent = log.bodies.length;
  await assert.rejects(recorder.flush(), { code: "clock.ahead" });
  assert.deepEqual([log.bodies.length, recorder.status().waiting], [sent, 1]);
});

test("clock: rejected events are recorded with times that the log accepts", async () => {
  const { clock, log, times, now } = clocks({ says: true });
  const reported: string[] = [];
  const recorder = await recorderOf(log, undefined, { now }, reported);
  record(recorder, "a.right");
  await recorder.flush();
  clock.recorder = NOON + HOUR;
  const [ahead] = record(recorder, "a.ahead");
  clock.recorder = NOON + MINUTE;
  clock.log = NOON + MINUTE;
  record(recorder, ...twenty);
  await recorder.flush();
  assert.deepEqual([...log.actions].sort(), ["a.ahead", "a.right", ...twenty].sort());
  assert.equal((await ahead?.delivered())?.index !== null, true);
  assert.ok(Math.max(...times().flat()) <= clock.log);
  assert.deepEqual(reported, ["clock.ahead"]);
  await recorder.close();
});

test("clock: a clock that is ahead is reported once, and the log's time is used until it is set", async () => {
  const { clock, log, times, now } = clocks({ says: true });
  const reported: string[] = [];
  const recorder = await recorderOf(log, new Storage(), { now }, reported);
  clock.recorder = NOON + HOUR;
  for (const action of ["a.1", "a.2", "a.3"]) {
    record(recorder, action);
    await recorder.flush();
  }
  assert.deepEqual([log.actions, reported], [["a.1", "a.2", "a.3"], ["clock.ahead"]]);
  assert.deepEqual(times(), [[NOON, NOON, NOON, NOON]]);
  clock.log += 10 * MINUTE;
  clock.recorder = clock.log;
  record(recorder, "a.4");
  await recorder.close();
  assert.deepEqual([log.actions.at(-1), Math.max(...times().flat())], ["a.4", clock.log]);
  assert.deepEqual(reported, ["clock.ahead"]);
});

test("clock: a clock that is behind is reported once and blocks nothing", async () => {
  const { clock, log, times, now } = clocks();
  let date: string | undefined;
  log.always = async (_, pass) => {
    const answer = await pass();
    answer.headers.set("date", date ?? new Date(clock.log).toUTCString());
    return answer;
  };
  const codes = async (behind: number) => {
    const reported: string[] = [];
    const recorder = await recorderOf(log, undefined, { now }, reported);
    clock.recorder = clock.log - behind;
    for (const action of ["a.1", "a.2"]) {
      record(recorder, action);
      await recorder.flush();
    }
    await recorder.close();
    return reported;
  };
  assert.deepEqual(await codes(2 * DAY), ["clock.behind"]);
  assert.deepEqual(await codes(MINUTE), []);
  date = "soon";
  assert.deepEqual(await codes(2 * DAY), []);
  assert.equal(log.actions.length, 6);
  assert.equal(Math.max(...(times().at(-1) ?? [])), NOON - 2 * DAY);
});

test("clock: corrected events keep the time between them", async () => {
  const { clock, log, times, now } = clocks({ says: true });
  const recorder = await recorderOf(log, undefined, { now });
  for (const seconds of [0, 10, 20]) {
    clock.recorder = NOON + HOUR + seconds * 1000;
    record(recorder, `a.${seconds}`);
  }
  clock.log = NOON + 20_000;
  await recorder.close();
  assert.deepEqual(times(), [[NOON, NOON, NOON + 10_000, NOON + 20_000, NOON + 20_000]]);
});

test("clock: a correction above a day is not accepted, and everything is delivered once the clock is set", async () => {
  const { clock, log, times, now } = clocks({ says: true });
  const reported: string[] = [];
  const recorder = await recorderOf(log, undefined, { now }, reported);
  clock.log = NOON - 3 * DAY;
  record(recorder, "a.1", "a.2");
  await assert.rejects(recorder.flush(), { code: "clock.ahead" });
  assert.deepEqual(log.actions, []);
  clock.log = NOON;
  clock.recorder = NOON - DAY;
  record(recorder, "a.3");
  clock.recorder = NOON;
  await recorder.close();
  assert.deepEqual([...log.actions].sort(), ["a.1", "a.2", "a.3"]);
  assert.ok(times().flat().includes(NOON));
});

test("clock: everything is delivered after a clock days ahead was set", async () => {
  const { clock, log, times, now } = clocks({ says: true });
  const recorder = await recorderOf(log, new Storage(), { now });
  clock.recorder = NOON + 30 * DAY;
  record(recorder, "a.1");
  await assert.rejects(recorder.flush(), { code: "clock.ahead" });
  clock.recorder = NOON;
  record(recorder, "a.2");
  await recorder.close();
  assert.deepEqual([...log.actions].sort(), ["a.1", "a.2"]);
  assert.ok(Math.max(...times().flat()) <= NOON);
});

test("clock: a clock years behind changes no recorded times", async () => {
  const { clock, log, times, now } = clocks({ says: true });
  const recorder = await recorderOf(log, undefined, { now });
  record(recorder, "a.right");
  clock.recorder = Date.UTC(1970, 0, 2);
  record(recorder, "a.behind");
  clock.recorder = NOON + 1;
  record(recorder, "a.again");
  await recorder.close();
  assert.deepEqual([...log.actions].sort(), ["a.again", "a.behind", "a.right"]);
  assert.ok(times().flat().includes(NOON));
});

test("clock: a clock years behind changes no times of an earlier recorder's events", async () => {
  const { clock, log, now } = clocks();
  const storage = new Storage();
  const first = await recorderOf(log, storage, { now });
  clock.recorder = NOON + 600 * MINUTE;
  await record(first, "a.ahead")[0]?.stored();
  assert.equal(storage.kinds, "e");
  clock.recorder = NOON + MINUTE;
  const next = await recorderOf(log, storage, { now });
  record(next, "b.right");
  await assert.rejects(next.flush(), { code: "clock.ahead" });
  assert.deepEqual(log.actions, ["b.right"]);
  clock.log = NOON + 600 * MINUTE;
  await next.close();
  assert.deepEqual(log.actions, ["b.right", "a.ahead"]);
  assert.equal(storage.kinds, "");
});

test("clock: a small step back doesn't start a new chain", async () => {
  const { clock, log, now } = clocks();
  const recorder = await recorderOf(log, undefined, { now });
  for (const [action, minutes] of [
    ["a.one", 1],
    ["a.two", 0],
    ["a.three", 2],
    ["a.four", 0],
  ] as const) {
    clock.recorder = NOON + minutes * MINUTE;
    record(recorder, action);
    await recorder.flush();
  }
  assert.deepEqual(log.actions, ["a.one", "a.two", "a.three", "a.four"]);
  assert.equal(log.chains.size, 1);
});
