/** Flushes that meet each other, fail, hang, rest and end. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Signer } from "../conformance/keys.ts";
import { EMITTER, type Intervention, MemoryLog, refusal } from "./log.ts";
import { record, recorderOf } from "./recorder.ts";
import { Storage } from "./storage.ts";

/** An answer that comes when it is let. */
function held() {
  const arrived = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  const intervention: Intervention = async (_, pass) => {
    arrived.resolve();
    await released.promise;
    return pass();
  };
  return { intervention, arrived: arrived.promise, release: released.resolve };
}

const busy: Intervention = () => refusal(503, "server.unavailable");

test("two flushes at once are one, and who asks later waits for what came later", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log);
  const { intervention, arrived, release } = held();
  log.meets(intervention);
  record(recorder, "a.one");
  const both = [recorder.flush(), recorder.flush()];
  await arrived;
  record(recorder, "a.two");
  let isLaterDone = false;
  const later = recorder.flush().then(() => {
    isLaterDone = true;
  });
  release();
  await Promise.all(both);
  assert.deepEqual([log.actions, isLaterDone], [["a.one"], false]);
  await later;
  assert.deepEqual([log.actions, log.bodies.length], [["a.one", "a.two"], 2]);
});

test("of two flushes at once the patient one goes on when the other was told", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log);
  log.meets(busy);
  record(recorder, "a.b");
  const [patient, other] = await Promise.allSettled([recorder.flush({ retryForMs: 60_000 }), recorder.flush()]);
  assert.equal(patient.status, "fulfilled");
  assert.equal(other.status === "rejected" && other.reason.code, "log_server.busy");
  assert.deepEqual(log.actions, ["a.b"]);
});

test("retryForMs outlasts failures, and ends", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log);
  record(recorder, "a.b");
  log.meets(...Array.from({ length: 20 }, () => busy));
  await recorder.flush({ retryForMs: 60_000 });
  assert.equal(log.bodies.length, 21);
  log.always = busy;
  record(recorder, "a.c");
  await assert.rejects(recorder.flush({ retryForMs: 30 }), { code: "log_server.busy" });
  assert.ok(log.bodies.length > 22);
});

test("a close that fails is asked for again, and ends the chain once", async () => {
  const log = new MemoryLog();
  const storage = new Storage();
  const recorder = await recorderOf(log, storage);
  record(recorder, "a.b");
  log.meets(busy, busy);
  await assert.rejects(recorder.close(), { code: "log_server.busy" });
  await assert.rejects(recorder.close(), { code: "log_server.busy" });
  assert.throws(() => recorder.record({ action: "a.c" }), { code: "recorder.out_of_turn" });
  await recorder.close({ retryForMs: 60_000 });
  const [links = []] = log.chains.values();
  assert.deepEqual(
    links.map((link) => link.split(" ")[1]),
    ["open", "event", "close"],
  );
  assert.equal(storage.kinds, "");
});

test("another key while the log server fails: both chains come, the first of them closed", async () => {
  const log = new MemoryLog();
  const storage = new Storage();
  const recorder = await recorderOf(log, storage);
  const { secret } = new Signer("example.com/next", 3);
  record(recorder, "a.one");
  await recorder.flush();
  log.always = busy;
  record(recorder, "a.two");
  await assert.rejects(recorder.rotate(secret), { code: "log_server.busy" });
  record(recorder, "b.one");
  await assert.rejects(recorder.rotate(EMITTER.secret), { code: "log_server.busy" });
  record(recorder, "c.one");
  log.always = undefined;
  await recorder.close();
  assert.deepEqual(log.actions, ["a.one", "a.two", "b.one", "c.one"]);
  const kinds = [...log.chains.values()].map((links) => links.map((link) => link.split(" ")[1]).join(" "));
  assert.deepEqual(kinds, ["open event event close", "open event close", "open event close"]);
  assert.equal(storage.kinds, "");
});

test("of a chain that dies after another key came, what has no link yet goes into the other", async () => {
  const log = new MemoryLog();
  const storage = new Storage();
  const recorder = await recorderOf(log, storage);
  // More than is linked at a time.
  for (let nth = 0; nth < 24; nth++) {
    recorder.record({ action: "a.old", reason: "x".repeat(60_000) });
  }
  await new Promise(setImmediate);
  // It is refused while at every moment something is recorded in the second.
  const recording = async () => {
    for (let moment = 0; moment < 60; moment++) {
      record(recorder, "b.new");
      await undefined;
    }
  };
  let recorded: Promise<void> | undefined;
  log.meets(
    () => refusal(400, "log.refused"),
    () => refusal(400, "log.refused"),
  );
  log.meets(async () => {
    const said = new Uint8Array(await refusal(400, "log.refused").arrayBuffer());
    const body = new ReadableStream({
      pull(stream) {
        recorded = recording();
        stream.enqueue(said);
        stream.close();
      },
    });
    return new Response(body, { status: 400 });
  });
  const rotated = recorder.rotate(new Signer("example.com/next", 3).secret, { retryForMs: 60_000 });
  await assert.rejects(rotated, { code: "log.refused" });
  await recorded;
  await recorder.flush();
  const count = (action: string) => log.actions.filter((one) => one === action).length;
  assert.equal(count("b.new"), 60);
  assert.ok(count("a.old") > 0 && count("a.old") < 24, `${count("a.old")} of the old chain`);
  // What a process leaves that ends here is the dead chain alone.
  assert.match(storage.kinds, /^b+$/);
});

test("a flush that never returns is taken over by who asks next, where contexts end", async (t) => {
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const log = new MemoryLog();
  const recorder = await recorderOf(log, new Storage(), { manyContexts: true, timeoutMs: 1_000 });
  record(recorder, "a.one");
  // As in a context that was canceled: no answer and no time limit ever comes.
  const gone = Promise.withResolvers<void>();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  log.meets(() => {
    gone.resolve();
    return new Promise(() => {});
  });
  void recorder.flush();
  await gone.promise;
  t.mock.timers.reset();
  record(recorder, "a.two");
  const next = recorder.flush();
  await new Promise(setImmediate);
  assert.equal(log.bodies.length, 1);
  now = 60_000;
  await next;
  assert.deepEqual(log.actions, ["a.one", "a.two"]);
});

test("whoever waits for what never comes is told, in whatever context it was found out", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log, undefined, { manyContexts: true });
  record(recorder, "a.b");
  log.meets(
    () => refusal(409, "log.fork"),
    () => refusal(409, "log.fork"),
    () => refusal(409, "log.fork"),
  );
  const flushes = await Promise.allSettled([
    recorder.flush(),
    recorder.flush(),
    recorder.flush({ retryForMs: 60_000 }),
  ]);
  assert.deepEqual(
    flushes.map((flush) => flush.status === "rejected" && flush.reason.code),
    ["log.fork", "log.fork", "log.fork"],
  );
  record(recorder, "a.c");
  await Promise.all([recorder.flush(), recorder.flush()]);
  assert.deepEqual(log.actions, ["a.c", "countersign.dropped"]);
});

test("nobody is told that it came what only goes from a refused chain into another", async () => {
  const log = new MemoryLog();
  const storage = new Storage();
  const recorder = await recorderOf(log, storage, { manyContexts: true });
  record(recorder, "a.one");
  await recorder.flush();
  record(recorder, "a.two");
  await new Promise(setImmediate);
  const moving = Promise.withResolvers<void>();
  const moved = Promise.withResolvers<void>();
  log.meets(() => {
    storage.at = async (_, make) => {
      moving.resolve();
      await moved.promise;
      make();
    };
    return refusal(403, "log.unauthorized");
  });
  const first = recorder.flush();
  await moving.promise;
  let isTold = false;
  const second = recorder.flush().then(() => {
    isTold = true;
  });
  await new Promise(setImmediate);
  assert.equal(isTold, false);
  moved.resolve();
  await Promise.all([first, second]);
  assert.deepEqual(log.actions, ["a.one", "a.two"]);
});

test("a signer that fails in a batch of many loses none and repeats none", async () => {
  const log = new MemoryLog();
  const storage = new Storage();
  const signs = { fails: false };
  const signer = new Signer("example.com/kms", 4);
  const sign = async (bytes: Uint8Array) => {
    if (signs.fails) {
      throw new Error("the KMS is away");
    }
    return new Uint8Array(Buffer.from(signer.sign(new TextDecoder().decode(bytes)), "base64"));
  };
  const recorder = await recorderOf(log, storage, { key: { vkey: signer.vkey, sign } });
  record(recorder, "a.first");
  await recorder.flush();
  // So many bytes that they are several batches.
  const names = Array.from({ length: 12 }, (_, nth) => `a.n${nth}`);
  const handles = names.map((action) => recorder.record({ action, reason: "x".repeat(60_000) }));
  await new Promise(setImmediate);
  signs.fails = true;
  await assert.rejects(recorder.flush(), { code: "signer.failed" });
  await assert.rejects(recorder.flush(), { code: "signer.failed" });
  signs.fails = false;
  await recorder.flush();
  assert.deepEqual(log.actions, ["a.first", ...names]);
  const receipts = await Promise.all(handles.map((handle) => handle.delivered()));
  assert.deepEqual(
    receipts.map(({ seq }) => seq),
    names.map((_, nth) => nth + 2),
  );
  assert.equal(storage.kinds, "");
});

test("what there is no room for is counted, though the recorder is closed in the middle of a flush", async () => {
  const log = new MemoryLog();
  const storage = new Storage();
  const recorder = await recorderOf(log, storage, { maxWaitingBytes: 38_500, onFull: "drop" });
  const take = () => recorder.record({ action: "a.b", reason: "x".repeat(9_000) });
  for (let nth = 0; nth < 4; nth++) {
    take();
  }
  await new Promise(setImmediate);
  assert.equal(recorder.status().dropped, 0);
  // The links are made, and are being kept: with them there is no room.
  const kept = Promise.withResolvers<void>();
  storage.at = async (_, make) => {
    await kept.promise;
    make();
  };
  const flushed = recorder.flush();
  await new Promise(setImmediate);
  take();
  take();
  assert.equal(recorder.status().dropped, 2);
  const closed = recorder.close();
  kept.resolve();
  await Promise.all([flushed, closed]);
  assert.deepEqual(log.actions, [...Array.from({ length: 4 }, () => "a.b"), "countersign.dropped"]);
  assert.match(log.bodies.join(""), /"count":2\b/);
});

test("what there is no room for is recorded as soon as there is room, though nothing more is recorded", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log, undefined, { maxWaitingBytes: 10_000, onFull: "drop" });
  const handles = Array.from({ length: 3 }, () => recorder.record({ action: "a.b", reason: "x".repeat(8_000) }));
  await assert.rejects(handles[1]?.delivered() ?? Promise.resolve(), { code: "recorder.full", hint: /dropped/ });
  assert.equal(recorder.status().dropped, 2);
  await recorder.flush();
  assert.deepEqual(log.actions, ["a.b", "countersign.dropped"]);
  assert.equal(recorder.status().dropped, 2);
});
