/** Tests concurrent, failing, hanging, waiting, and ending flushes. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Signer } from "../conformance/keys.ts";
import { EMITTER, type Intervention, MemoryLog, refusal } from "./log.ts";
import { record, recorderOf } from "./recorder.ts";
import { Storage } from "./storage.ts";

/** Creates a response that comes when it is released. */
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

test("flush: concurrent calls share a flush, and later calls wait for later events", async () => {
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

test("flush: continues for the patient one of two calls after the other was rejected", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log);
  log.meets(busy);
  record(recorder, "a.b");
  const [patient, other] = await Promise.allSettled([recorder.flush({ retryForMs: 60_000 }), recorder.flush()]);
  assert.equal(patient.status, "fulfilled");
  assert.equal(other.status === "rejected" && other.reason.code, "log_server.busy");
  assert.deepEqual(log.actions, ["a.b"]);
});

test("flush: retries for retryForMs, and then rejects", async () => {
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

test("close: can be retried after a failure, and closes the chain once", async () => {
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

test("rotate: delivers both chains after a failure, the first one closed", async () => {
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

test("rotate: moves events without a link of a dead chain to the new one", async () => {
  const log = new MemoryLog();
  const storage = new Storage();
  const recorder = await recorderOf(log, storage);
  // More than is linked at a time.
  for (let nth = 0; nth < 24; nth++) {
    recorder.record({ action: "a.old", reason: "x".repeat(60_000) });
  }
  await new Promise(setImmediate);
  // Events keep being recorded in the second chain while the first is rejected.
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
    const answer = new Uint8Array(await refusal(400, "log.refused").arrayBuffer());
    const body = new ReadableStream({
      pull(stream) {
        recorded = recording();
        stream.enqueue(answer);
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
  // A process that ends here leaves only the dead chain behind.
  assert.match(storage.kinds, /^b+$/);
});

test("flush: a hanging flush of an ended context is taken over by the next call", async (t) => {
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const log = new MemoryLog();
  const recorder = await recorderOf(log, new Storage(), { manyContexts: true, timeoutMs: 1_000 });
  record(recorder, "a.one");
  // As in a canceled context: neither a response nor a timeout ever comes.
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

test("flush: all callers learn of a dead chain, in any context", async () => {
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

test("flush: doesn't resolve for events that move from a rejected chain to another", async () => {
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

test("flush: a signer that fails within a batch neither loses nor repeats events", async () => {
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
  // Large enough for several batches.
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

test("drop: events are counted even if the recorder is closed during a flush", async () => {
  const log = new MemoryLog();
  const storage = new Storage();
  const recorder = await recorderOf(log, storage, { maxWaitingBytes: 38_500, onFull: "drop" });
  const take = () => recorder.record({ action: "a.b", reason: "x".repeat(9_000) });
  for (let nth = 0; nth < 4; nth++) {
    take();
  }
  await new Promise(setImmediate);
  assert.equal(recorder.status().dropped, 0);
  // The links are made and being stored, and use up the limit.
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

test("drop: is recorded as soon as there is room, without further events", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log, undefined, { maxWaitingBytes: 10_000, onFull: "drop" });
  const handles = Array.from({ length: 3 }, () => recorder.record({ action: "a.b", reason: "x".repeat(8_000) }));
  await assert.rejects(handles[1]?.delivered() ?? Promise.resolve(), {
    code: "recorder.full",
    hint: /maxWaitingBytes/,
  });
  assert.equal(recorder.status().dropped, 2);
  await recorder.flush();
  assert.deepEqual(log.actions, ["a.b", "countersign.dropped"]);
  assert.equal(recorder.status().dropped, 2);
});
