/** Tests recorders that have not started, or can't. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { CountersignError, RecorderOptions } from "countersign";
import { recording } from "../../packages/countersign/dist/record/create.js";
import { none } from "../../packages/countersign/dist/record/lifecycle.js";
import { generateKey, memory } from "../../packages/countersign/dist/record/record.js";
import { EMITTER, MemoryLog } from "../deliver/log.ts";
import { createRecorder, creating } from "../deliver/recorder.ts";
import { Storage } from "../deliver/storage.ts";
import { inLife } from "./life.ts";

const { key } = await generateKey("example.com/test");
const ORIGIN = "log.example/audit";

/** Returns the events of an export. */
const eventsOf = (text: string) =>
  text.split("\n").flatMap((line) => (line.includes('"event"') ? [JSON.parse(line).event] : []));

test("createRecorder: returns a recorder, not a promise", async () => {
  const to = memory();
  const audit = createRecorder({ key, origin: ORIGIN, to });
  assert.ok(!("then" in audit));
  assert.equal(await audit, audit);
  assert.equal(await audit.ready(), audit);
  await audit.close();
});

test("start: waiting events keep their order and time", async () => {
  const to = memory();
  let now = 1_790_000_000_000;
  const audit = creating({ now: () => now })({ key, origin: ORIGIN, to, autoFlush: false });
  const handles = ["a.one", "a.two"].map((action) => {
    now += 1_000;
    return audit.record({ action });
  });
  handles.push(audit.recordJson('{"action":"a.three"}'));
  now += 60_000;
  assert.deepEqual([audit.status().waiting, audit.queued, audit.chain, audit.origin], [3, 3, undefined, ORIGIN]);
  await audit.close();
  assert.deepEqual(
    eventsOf(to.text()).map(({ action }) => action),
    ["a.one", "a.two", "a.three"],
  );
  const times = to
    .text()
    .split("\n")
    .filter((line) => line.includes('"event"'));
  assert.deepEqual(
    times.map((line) => Date.parse(JSON.parse(line).link.split(" ")[4]) - 1_790_000_000_000),
    [1_000, 2_000, 2_000],
  );
  const receipts = await Promise.all(handles.map((handle) => handle.delivered()));
  assert.deepEqual(
    receipts.map(({ seq }) => seq),
    [1, 2, 3],
  );
});

test("start: an outbox's entries come before events recorded while it opens", async () => {
  const storage = new Storage();
  const log = new MemoryLog();
  const options = { key: EMITTER.secret, to: log.to, log: log.vkey, autoFlush: false as const };
  const killed = createRecorder({ ...options, outbox: storage.outbox() });
  await killed.record({ action: "a.before" }).stored();
  const audit = createRecorder({ ...options, outbox: storage.outbox() });
  const handle = audit.record({ action: "a.after" });
  await handle.stored();
  await audit.close();
  assert.deepEqual(log.actions, ["a.before", "a.after"]);
  await handle.delivered();
});

test("start: failures reject ready() and are reported once", async () => {
  const reported: CountersignError[] = [];
  const onError = (error: CountersignError) => reported.push(error);
  const audit = createRecorder({ key: "PRIVATE+KEY+nonsense", origin: ORIGIN, to: memory(), onError });
  const handle = audit.record({ action: "a.b" });
  const invalid = { code: "key.invalid", member: "key" };
  await assert.rejects(audit.ready(), invalid);
  await assert.rejects(handle.stored(), invalid);
  await assert.rejects(handle.delivered(), invalid);
  await assert.rejects(audit.flush({ retryForMs: 1_000 }), invalid);
  await assert.rejects(audit.close(), invalid);
  assert.deepEqual(
    reported.map(({ code }) => code),
    ["key.invalid"],
  );
  assert.equal(audit.status().lastError?.code, "key.invalid");
  assert.throws(() => audit.record({ action: "a.c" }), { code: "recorder.out_of_turn" });
});

test("close: works without a start if nothing would be lost", async () => {
  const audit = createRecorder({ key: "PRIVATE+KEY+nonsense", origin: ORIGIN, to: memory(), onError: () => {} });
  await audit.close();
  await audit.close();
});

test("createRecorder: throws for invalid options", () => {
  const options = { key, origin: ORIGIN, to: memory(), onFull: "wait" };
  assert.throws(() => createRecorder(options as unknown as RecorderOptions), {
    code: "options.invalid",
    member: "onFull",
  });
});

test("start: is retried automatically and on request", async () => {
  for (const autoFlush of [undefined, false] as const) {
    let loads = 0;
    const source = async () => {
      loads++;
      if (loads === 1) {
        throw new Error("offline");
      }
      return new WebAssembly.Module(
        readFileSync(new URL("../../packages/countersign/dist/wasm/recorder_bg.wasm", import.meta.url)),
      );
    };
    const reported: string[] = [];
    const to = memory();
    const audit = recording(source, none).createRecorder({
      key,
      origin: ORIGIN,
      to,
      autoFlush,
      retry: { initialDelayMs: 1, maxDelayMs: 1 },
      onError: ({ code }) => reported.push(code),
    });
    const handle = audit.record({ action: "a.b" });
    await assert.rejects(audit.ready(), { code: "wasm.unavailable" });
    if (autoFlush === false) {
      await audit.flush();
    }
    await handle.delivered();
    assert.deepEqual([reported, loads], [["wasm.unavailable"], 2]);
    await audit.close();
  }
});

test("start: an event that proves invalid is reported and recorded as such", async () => {
  const reported: (string | undefined)[] = [];
  const onError = ({ member }: CountersignError) => reported.push(member);
  for (const onInvalid of ["throw", "report"] as const) {
    const to = memory();
    reported.length = 0;
    const audit = createRecorder({ key, origin: ORIGIN, to, autoFlush: false, onInvalid, onError });
    const bad = audit.record({ action: "a.b", tenant: "t", http: { method: "GET", path: "/", status: 1.5 } });
    audit.record({ action: "a.last" });
    await audit.flush();
    const outcome = await bad.delivered().then(
      () => "delivered",
      ({ code }: CountersignError) => code,
    );
    assert.equal(outcome, onInvalid === "throw" ? "event.invalid" : "delivered");
    const actions = eventsOf(to.text()).map(({ action }) => action);
    assert.deepEqual(actions, [onInvalid === "throw" ? "countersign.dropped" : "a.b", "a.last"]);
    assert.ok(reported.length > 0);
    await audit.close();
  }
});

test("record: throws for invalid events before the start", () => {
  const audit = createRecorder({ key, origin: ORIGIN, to: memory(), onInvalid: "throw" });
  assert.throws(() => audit.record({ action: "a.b", metadata: { f: () => 1 } } as never), {
    code: "event.invalid",
    member: "metadata.f",
  });
});

test("record: has the same limit before and after the start", async () => {
  const to = memory();
  const limits = { maxWaitingBytes: 2_000, autoFlush: false as const };
  const full = createRecorder({ key, origin: ORIGIN, to, ...limits });
  const fill = (audit: typeof full) => Array.from({ length: 10 }, () => audit.record({ action: "a.b" }));
  assert.throws(() => fill(full), { code: "recorder.full", hint: /maxWaitingBytes/ });
  await full.close();
  const reported: string[] = [];
  const onError = ({ code }: CountersignError) => reported.push(code);
  const drops = createRecorder({ key, origin: ORIGIN, to, ...limits, onFull: "drop", onError });
  const handles = fill(drops);
  const { waiting, dropped } = drops.status();
  assert.equal(waiting + dropped, 10);
  await assert.rejects(handles.at(-1)?.delivered() ?? Promise.resolve(), { code: "recorder.full" });
  await drops.close();
  assert.equal(drops.status().dropped, dropped);
  assert.deepEqual(reported, ["recorder.full"]);
  const [{ reason, metadata }] = eventsOf(to.text()).filter(({ action }) => action === "countersign.dropped");
  assert.deepEqual([reason, metadata.count], ["too much waited to be delivered", dropped]);
});

test("retryForMs: ends the wait for an outbox that never opens", async () => {
  const outbox = { open: () => new Promise<never>(() => {}), write: async () => {}, close() {} };
  const audit = createRecorder({ key, origin: ORIGIN, to: memory(), outbox, onError: () => {} });
  audit.record({ action: "a.b" });
  await assert.rejects(audit.flush({ retryForMs: 20 }), { code: "recorder.failed", message: /did not start in time/ });
});

test("exit: events recorded at exit before the start are reported as lost", () => {
  const { createRecorder, notify } = inLife();
  const reported: string[] = [];
  const audit = createRecorder({ key, origin: ORIGIN, to: memory(), onError: ({ message }) => reported.push(message) });
  notify("exiting");
  audit.record({ action: "a.b" });
  assert.deepEqual(reported, ["1 event was not delivered before the program exited"]);
});
