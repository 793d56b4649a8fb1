/** Tests automatic flushes, and events that can't be accepted or delivered. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import * as full from "../../packages/countersign/dist/record/record.js";
import { createRecorder, creating } from "../deliver/recorder.ts";
import { RUNTIMES } from "../runtimes.ts";

const { generateKey, memory } = full;

/** Counts the events in each chunk of a transport. */
function counting() {
  const chunks: number[] = [];
  let arrived = () => {};
  const to = (chunk: Uint8Array) => {
    chunks.push(new TextDecoder().decode(chunk).match(/"event":/g)?.length ?? 0);
    arrived();
  };
  const next = () =>
    new Promise<void>((resolve) => {
      arrived = resolve;
    });
  return { chunks, to, next };
}

async function start(options: Partial<full.TransportOptions>, create = createRecorder) {
  const { key } = await generateKey("example.com/test");
  return create({ key, origin: "log.example/audit", to: memory(), ...options }).ready();
}

const EVENT = { action: "a.b", reason: "x".repeat(100) };

test("autoFlush: flushes at maxEvents", async () => {
  const { chunks, to, next } = counting();
  const recorder = await start({ to, autoFlush: { maxEvents: 3, maxDelayMs: 2 ** 30 } });
  recorder.record(EVENT);
  recorder.record(EVENT);
  await new Promise(setImmediate);
  assert.deepEqual(chunks, []);
  const flushed = next();
  recorder.record(EVENT);
  await flushed;
  assert.deepEqual(chunks, [3]);
  await recorder.close();
});

test("autoFlush: flushes at maxBytes", async () => {
  const { chunks, to, next } = counting();
  const recorder = await start({ to, autoFlush: { maxBytes: 200, maxDelayMs: 2 ** 30 } });
  recorder.record(EVENT);
  await new Promise(setImmediate);
  assert.deepEqual(chunks, []);
  const flushed = next();
  recorder.record(EVENT);
  await flushed;
  assert.deepEqual(chunks, [2]);
  await recorder.close();
});

test("autoFlush: flushes after maxDelayMs", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { chunks, to, next } = counting();
  const recorder = await start({ to, autoFlush: { maxDelayMs: 500 } });
  recorder.record(EVENT);
  recorder.record(EVENT);
  t.mock.timers.tick(499);
  await new Promise(setImmediate);
  assert.deepEqual(chunks, []);
  const flushed = next();
  t.mock.timers.tick(2);
  await flushed;
  assert.deepEqual(chunks, [2]);
  await recorder.close();
});

test("autoFlush: false flushes only on request", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const { chunks, to } = counting();
  const recorder = await start({ to, autoFlush: false });
  for (let nth = 0; nth < 100; nth++) {
    recorder.record(EVENT);
  }
  t.mock.timers.tick(2 ** 31 - 1);
  await new Promise(setImmediate);
  assert.deepEqual(chunks, []);
  await recorder.flush();
  assert.deepEqual(chunks, [100]);
});

test("flush: ends while events keep arriving", async () => {
  const { to } = counting();
  const recorder: full.Recorder = await start({
    autoFlush: false,
    to(chunk) {
      to(chunk);
      recorder.record(EVENT);
    },
  });
  recorder.record(EVENT);
  await recorder.flush();
  assert.equal(recorder.queued, 1);
});

test("flush: the next flush delivers events recorded meanwhile", async () => {
  const { chunks, to } = counting();
  let letGo = () => {};
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let begun = () => {};
  const began = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const recorder = await start({
    autoFlush: false,
    async to(chunk) {
      begun();
      await held;
      to(chunk);
    },
  });
  recorder.record(EVENT);
  const first = recorder.flush();
  await began;
  for (let nth = 0; nth < 1000; nth++) {
    recorder.record(EVENT);
  }
  const { inFlight, queued, waiting } = recorder.status();
  assert.deepEqual({ inFlight, queued, waiting }, { inFlight: 1, queued: 1000, waiting: 1001 });
  const second = recorder.flush();
  letGo();
  await first;
  await second;
  assert.deepEqual(chunks[0], 1);
  assert.equal(
    chunks.reduce((sum, events) => sum + events),
    1001,
  );
  await recorder.close();
});

test("autoFlush: retries failures and reports them once", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const reported: string[] = [];
  const { chunks, to, next } = counting();
  let down = true;
  let failed = () => {};
  const recorder = await start({
    to(chunk) {
      if (down) {
        throw new Error("down");
      }
      to(chunk);
    },
    onError({ code }) {
      reported.push(code);
      failed();
    },
  });
  const failure = new Promise<void>((resolve) => {
    failed = resolve;
  });
  const handle = recorder.record(EVENT);
  t.mock.timers.tick(1001);
  await failure;
  await new Promise(setImmediate);
  assert.deepEqual(reported, ["transport.failed"]);
  const { lastError, retryInMs, waiting } = recorder.status();
  assert.equal(lastError?.code, "transport.failed");
  assert.ok(retryInMs !== undefined && retryInMs > 0 && retryInMs <= 500);
  assert.equal(waiting, 1);
  down = false;
  const flushed = next();
  t.mock.timers.tick(501);
  await flushed;
  const receipt = await handle.delivered();
  assert.deepEqual(chunks, [1]);
  assert.deepEqual(
    { ...receipt, links: receipt.links.length },
    { chain: recorder.chain, seq: 1, links: 1, index: null, proof: null },
  );
  await recorder.flush();
  assert.equal(recorder.status().lastError, undefined);
  await recorder.close();
});

test("drop: counts dropped events and records the count", async () => {
  const to = memory();
  let clock = Date.UTC(2026, 10, 20, 6);
  const recorder = await start(
    { to, autoFlush: false, maxWaitingBytes: 1_200, onFull: "drop" },
    creating({ now: () => clock }),
  );
  const kept = [recorder.record(EVENT), recorder.record(EVENT)];
  const dropped = [2, 1, 1].map((later) => {
    clock += later;
    return recorder.record(EVENT);
  });
  assert.equal(recorder.status().dropped, 3);
  for (const handle of dropped) {
    await assert.rejects(handle.stored(), { code: "recorder.full" });
    await assert.rejects(handle.delivered(), { code: "recorder.full" });
  }
  await recorder.close();
  await Promise.all(kept.map((handle) => handle.delivered()));
  const events = to
    .text()
    .split("\n")
    .filter((line) => line.includes('"event":'))
    .map((line) => JSON.parse(line).event);
  assert.deepEqual(
    events.map(({ action }) => action),
    ["a.b", "a.b", "countersign.dropped"],
  );
  assert.deepEqual(events.at(-1)?.metadata, {
    count: 3,
    since: "2026-11-20T06:00:00.002Z",
    until: "2026-11-20T06:00:00.004Z",
  });
});

for (const [runtime, [program, ...args]] of Object.entries(RUNTIMES)) {
  test(`${runtime}: an ending program delivers first, and reports undelivered events`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "countersign-end-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const end = async (to: string, autoFlush: string) => {
      const script = join(folder, "end.mjs");
      writeFileSync(
        script,
        `import { createRecorder, generateKey } from ${JSON.stringify(new URL("../../packages/countersign/dist/record/record.js", import.meta.url))};
         const { key } = await generateKey("example.com/test");
         const audit = await createRecorder({ key, origin: "log.example", to: ${to}, autoFlush: ${autoFlush} }).ready();
         audit.record({ action: "a.b" });`,
      );
      return promisify(execFile)(program, [...args, script]).catch((ended) => ended);
    };
    const delivered = await end("(chunk) => console.error(chunk.length > 500)", "undefined");
    assert.deepEqual([delivered.code, delivered.stderr], [undefined, "true\n"]);
    const lost = await end("() => {}", "false");
    assert.match(lost.stderr, /^countersign: recorder\.lost: 1 event was not delivered .*close\(\)/);
    assert.equal(lost.code, 1);
  });
}

test("flush: a call at any time of another flush resolves when it has delivered", async () => {
  for (const manyContexts of [false, true]) {
    const create = creating({ manyContexts });
    for (let ticks = 0; ticks < 40; ticks++) {
      let delivered = false;
      const recorder = await create({
        key: (await generateKey("example.com/ticks")).key,
        origin: "log.example",
        to: async () => {
          await new Promise((resolve) => setTimeout(resolve, 1));
          delivered = true;
        },
        autoFlush: false,
      }).ready();
      recorder.record({ action: "job.run" });
      const first = recorder.flush();
      for (let tick = 0; tick < ticks; tick++) {
        await Promise.resolve();
      }
      assert.equal(recorder.status().waiting, 1, `after ${ticks} ticks`);
      await recorder.flush();
      assert.equal(delivered, true, `after ${ticks} ticks`);
      await first;
    }
  }
});
