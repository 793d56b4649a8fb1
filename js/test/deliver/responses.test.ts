/** Tests a recorder's reaction to each response of a log server, and to unexpected ones. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Signer } from "../conformance/keys.ts";
import { altered, type Intervention, linesOf, MemoryLog, ORIGIN, placeOf, refusal } from "./log.ts";
import { record, recorderOf } from "./recorder.ts";
import { Storage } from "./storage.ts";

/** Returns a response with a content-length, like those on the wire. */
function announced(text: string, headers: Record<string, string> = {}): Response {
  return new Response(text, { headers: { "content-length": String(text.length), ...headers } });
}

/** Rejections and failures after which the same is sent again. */
const PASSING: Record<string, [code: string, Intervention]> = {
  "401": ["log_server.unexpected", () => refusal(401, "request.unauthenticated")],
  "403 for the key": ["log.unauthorized", () => refusal(403, "log.unauthorized")],
  "403 of another server": ["log_server.unexpected", () => new Response("<h1>Forbidden", { status: 403 })],
  "404": ["log_server.unexpected", () => refusal(404, "request.not_found")],
  "405": ["log_server.unexpected", () => refusal(405, "request.invalid")],
  "408": ["log_server.busy", () => refusal(408, "server.timeout")],
  "409 for a gap that is none": ["log.gap", () => refusal(409, "log.gap", { expected: 99 })],
  "409 for a gap without a place": ["log.gap", () => refusal(409, "log.gap")],
  "409 for a gap at a place that is none": ["log.gap", () => refusal(409, "log.gap", { expected: -1 })],
  "413": ["submit.too_large", () => refusal(413, "submit.too_large", { limits: { bytes: 10, lines: 1 } })],
  "413 of another server": ["submit.too_large", () => new Response("too large", { status: 413 })],
  "415": ["log_server.unexpected", () => refusal(415, "submit.encoding")],
  "421": ["log_server.unexpected", () => refusal(421, "request.host")],
  "425 of another server": ["log_server.busy", () => new Response("too early", { status: 425 })],
  "429": ["log_server.busy", () => refusal(429, "server.busy")],
  "429 for a quota": ["log_server.busy", () => refusal(429, "submit.quota")],
  "429 for a time to come": ["clock.ahead", () => refusal(429, "submit.early")],
  "500": ["log_server.failed", () => refusal(500, "server.failed")],
  "502 of another server": ["log_server.failed", () => new Response("bad gateway", { status: 502 })],
  "503": ["log_server.busy", () => refusal(503, "server.unavailable")],
  "a redirect": ["log_server.unexpected", () => new Response(null, { status: 302, headers: { location: "/" } })],
  "a page": ["log_server.unexpected", () => new Response("<!doctype html>")],
  "a list": ["proof.invalid", () => new Response("[]")],
  nothing: ["log_server.unexpected", () => new Response()],
  "half an answer": [
    "log_server.unexpected",
    async (_, pass) => new Response((await (await pass()).text()).slice(0, 100)),
  ],
  "an answer without an end": ["log_server.unexpected", () => new Response("x".repeat((4 << 20) + 1))],
  "an announced answer without an end": ["log_server.unexpected", () => announced("x".repeat((4 << 20) + 1))],
  "an announced answer that is packed": [
    "log_server.unexpected",
    () => announced("x".repeat((4 << 20) + 1), { "content-length": "9", "content-encoding": "gzip" }),
  ],
  "an answer of an announced length that is none": [
    "proof.invalid",
    () => announced("[]", { "content-length": "1e1" }),
  ],
  "an announced page": ["log_server.unexpected", () => announced("<!doctype html>")],
  "an answer that is cut off": [
    "log_server.unreachable",
    () => new Response(new ReadableStream({ pull: (stream) => stream.error(new TypeError("cut off")) })),
  ],
  "no connection": ["log_server.unreachable", () => Promise.reject(new TypeError("fetch failed"))],
  "no answer": ["log_server.timeout", () => new Promise(() => {})],
  "no answer, though it was taken": [
    "log_server.timeout",
    async (_, pass) => {
      await pass();
      return new Promise(() => {});
    },
  ],
  "200 without proof": ["proof.invalid", async (_, pass) => altered(await pass(), () => undefined)],
  "200 for another chain": [
    "proof.invalid",
    async (_, pass) => Response.json({ chains: { ["0".repeat(32)]: (await pass()) && { seq: 1, proof: "" } } }),
  ],
  "200 with a proof of another place": [
    "proof.invalid",
    async (_, pass) => altered(await pass(), (tip) => ({ ...tip, seq: tip.seq + 1 })),
  ],
  "200 with a proof that is none": [
    "proof.invalid",
    async (_, pass) => altered(await pass(), (tip) => ({ ...tip, proof: "proof" })),
  ],
  "200 with a proof of another index": [
    "proof.invalid",
    async (_, pass) => altered(await pass(), (tip) => ({ ...tip, proof: tip.proof.replace(/index \d+/, "index 0") })),
  ],
  "200 with a signature that is not the log's": [
    "proof.invalid",
    async (_, pass) => altered(await pass(), (tip) => ({ ...tip, proof: tip.proof.replace(/.{4}\n$/, "AAA=\n") })),
  ],
};

for (const [name, [code, intervention]] of Object.entries(PASSING)) {
  test(`${name}: reports ${code}, keeps the outbox, and resends`, async () => {
    const log = new MemoryLog();
    const storage = new Storage();
    const recorder = await recorderOf(log, storage, { timeoutMs: 20 });
    const [handle] = record(recorder, "a.b");
    log.meets(intervention);
    await assert.rejects(recorder.flush(), ({ code: said, hint }: { code: string; hint: string }) => {
      assert.equal(said, code);
      assert.ok(hint.length > 10, hint);
      return true;
    });
    assert.equal(storage.kinds, "b");
    const { waiting, lastError, dead } = recorder.status();
    assert.deepEqual([waiting, lastError?.code, dead], [1, code, []]);
    await recorder.flush();
    assert.deepEqual(log.actions, ["a.b"]);
    assert.equal(log.bodies[0], log.bodies.at(-1));
    assert.equal(storage.kinds, "");
    const { status, receipt } = { status: recorder.status(), receipt: await handle?.delivered() };
    assert.deepEqual([status.waiting, status.waitingBytes, status.lastError], [0, 0, undefined]);
    assert.deepEqual([receipt?.seq, receipt?.index, status.lastProof?.index], [1, 1, 1]);
    await recorder.close();
  });
}

/** Permanent rejections of the submitted links. */
for (const [status, code] of [
  [400, "export.invalid"],
  [400, "log.refused"],
  [400, "signature.invalid"],
  [409, "log.fork"],
] as const) {
  test(`${status} ${code}: the chain stays in the outbox, and another one continues`, async () => {
    const log = new MemoryLog();
    const storage = new Storage();
    const recorder = await recorderOf(log, storage);
    const [dead] = record(recorder, "first.dead");
    for (let time = 1; time < 3; time++) {
      log.meets(() => refusal(status, code));
      await assert.rejects(recorder.flush(), { code, hint: /is retried/ });
      assert.deepEqual(recorder.status().dead, []);
    }
    log.meets((body, pass) => {
      // Recorded while the chain is rejected.
      record(recorder, "second.alive");
      return body.includes("first.dead") ? refusal(status, code) : pass();
    });
    await assert.rejects(recorder.flush(), { code, hint: /new chain/ });
    await assert.rejects(dead?.delivered() ?? Promise.resolve(), { code });
    await recorder.flush();
    assert.deepEqual(log.actions, ["second.alive"]);
    assert.equal(storage.kinds, "b");
    const [only, ...rest] = recorder.status().dead;
    assert.deepEqual([only?.error.code, rest], [code, []]);
    assert.notEqual(only?.chain, recorder.chain);
    record(recorder, "third.alive");
    await recorder.close();
    assert.deepEqual(log.actions, ["second.alive", "third.alive"]);

    // The next recorder retries, because the rejection may no longer apply.
    const next = await recorderOf(log, storage);
    await next.flush();
    assert.deepEqual(log.actions, ["second.alive", "third.alive", "first.dead"]);
    assert.equal(storage.kinds, "");
  });
}

for (const [answer, reason] of [
  [refusal(400, "log.refused"), "log.refused"],
  [refusal(409, "log.fork"), "log.fork"],
  [refusal(409, "log.gap", { expected: 0 }), "log.rollback"],
  [refusal(410, "log.ended"), "log.ended"],
] as const) {
  test(`${reason}: an unsigned rejection once or twice loses nothing`, async () => {
    const log = new MemoryLog();
    const recorder = await recorderOf(log);
    record(recorder, "a.zero");
    await recorder.flush();
    for (const action of ["a.one", "a.two", "a.three"]) {
      record(recorder, action);
      log.meets(
        () => answer.clone(),
        () => answer.clone(),
      );
      await assert.rejects(recorder.flush(), { code: reason });
      await assert.rejects(recorder.flush(), { code: reason });
      await recorder.flush();
    }
    await recorder.close();
    assert.deepEqual(log.actions, ["a.zero", "a.one", "a.two", "a.three"]);
    assert.equal(log.chains.size, 1);
  });
}

test("a proof with a content-length is accepted", async () => {
  const log = new MemoryLog();
  log.always = async (_, pass) => announced(await (await pass()).text());
  const recorder = await recorderOf(log);
  const [handle] = record(recorder, "a.b");
  await recorder.flush();
  assert.equal((await handle?.delivered())?.index, 1);
  await recorder.close();
});

test("links before a rejected one are delivered", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log);
  for (const action of ["a.one", "a.two", "b.bad", "b.after"]) {
    record(recorder, action);
    log.meets(() => refusal(503, "server.unavailable"));
    await assert.rejects(recorder.flush());
  }
  log.always = (body, pass) => (body.includes("b.bad") ? refusal(400, "log.refused") : pass());
  await assert.rejects(recorder.flush({ retryForMs: 60_000 }), { code: "log.refused", hint: /new chain/ });
  assert.deepEqual(log.actions, ["a.one", "a.two"]);
});

test("events of a dead chain without an outbox are lost, and each close rejects", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log);
  record(recorder, "first.dead");
  log.always = (body, pass) => (body.includes("first.dead") ? refusal(400, "log.refused") : pass());
  await assert.rejects(recorder.flush({ retryForMs: 60_000 }), { code: "log.refused" });
  record(recorder, "second.alive");
  await recorder.flush();
  await assert.rejects(recorder.close(), { code: "log.refused" });
  await assert.rejects(recorder.close(), { code: "log.refused" });
  assert.deepEqual(log.actions, ["second.alive", "countersign.dropped"]);
  const { dropped, lost } = recorder.status();
  assert.deepEqual([dropped, lost], [0, 1]);
});

test("dead chains don't use up the limit", async () => {
  for (const storage of [undefined, new Storage()]) {
    const log = new MemoryLog();
    const recorder = await recorderOf(log, storage, { maxWaitingBytes: 10_000 });
    log.always = (body, pass) => (body.includes(".dead") ? refusal(400, "log.refused") : pass());
    for (let time = 0; time < 4; time++) {
      recorder.record({ action: "a.dead", reason: "x".repeat(6_000) });
      await assert.rejects(recorder.flush({ retryForMs: 60_000 }), { code: "log.refused" });
    }
    const { waiting, waitingBytes, dead } = recorder.status();
    assert.deepEqual([waiting, waitingBytes, dead.length], [0, 0, 4]);
    assert.equal(storage?.kinds ?? "bbbb", "bbbb");
    recorder.record({ action: "a.alive", reason: "x".repeat(6_000) });
    await recorder.flush();
    assert.deepEqual(log.actions, ["a.alive", ...(storage === undefined ? ["countersign.dropped"] : [])]);
  }
});

test("a rejected close link leaves the recorder closed and deliveries intact", async () => {
  const log = new MemoryLog();
  const storage = new Storage();
  const recorder = await recorderOf(log, storage);
  record(recorder, "a.b");
  await recorder.flush();
  for (const hint of [/is retried/, /is retried/, /new chain/]) {
    log.meets(() => refusal(409, "log.fork"));
    await assert.rejects(recorder.close(), { code: "log.fork", hint });
  }
  await recorder.close();
  assert.deepEqual(log.actions, ["a.b"]);
  assert.throws(() => recorder.record({ action: "a.b" }), { code: "recorder.out_of_turn" });
});

test("a proof of another log with the same name is rejected", async () => {
  const log = new MemoryLog();
  const other = new MemoryLog(new Signer(ORIGIN, 9));
  const recorder = await recorderOf(log);
  record(recorder, "a.b");
  log.meets(async (body, pass) =>
    altered(await pass(), (tip) => {
      const leaf = linesOf(body).at(-1)?.link ?? "";
      other.add(leaf);
      return { ...tip, proof: other.proof(leaf) };
    }),
  );
  await assert.rejects(recorder.flush(), { code: "proof.invalid" });
  await recorder.close();
  assert.deepEqual(log.actions, ["a.b"]);
});

test("a proof of an earlier link is rejected", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log);
  record(recorder, "a.b", "a.c");
  log.meets(async (body, pass) =>
    altered(await pass(), (tip) => ({ ...tip, proof: log.proof(linesOf(body).at(-2)?.link ?? "") })),
  );
  await assert.rejects(recorder.flush(), { code: "proof.invalid" });
  await recorder.close();
});

/** Returns three batches of a chain: the first is delivered, the others wait, beginning at `seq` 2. */
async function behind() {
  const log = new MemoryLog();
  const recorder = await recorderOf(log, new Storage());
  record(recorder, "a.one");
  await recorder.flush();
  log.always = () => refusal(503, "server.unavailable");
  for (const action of ["a.two", "a.three"]) {
    record(recorder, action);
    await assert.rejects(recorder.flush(), { code: "log_server.busy" });
  }
  log.always = undefined;
  log.bodies.length = 0;
  return { log, recorder };
}

/** Returns the first `seq` of a body. */
const begins = (body = "") => placeOf(linesOf(body)[0]?.link ?? "").seq;

test("a gap within pending links resumes from there", async () => {
  const { log, recorder } = await behind();
  // The log accepted the first of them, and the response was lost.
  log.meets((_, pass) => pass().then(() => refusal(409, "log.gap", { expected: 3 })));
  await recorder.flush();
  assert.deepEqual(log.bodies.map(begins), [2, 3]);
  assert.deepEqual(log.actions, ["a.one", "a.two", "a.three"]);
});

test("a gap after pending links is an unexpected response", async () => {
  const { log, recorder } = await behind();
  log.meets(() => refusal(409, "log.gap", { expected: 4 }));
  await assert.rejects(recorder.flush(), { code: "log.gap" });
  await recorder.flush();
  assert.deepEqual(log.bodies.map(begins), [2, 2]);
  assert.deepEqual(log.actions, ["a.one", "a.two", "a.three"]);
});

test("a log that requests one position after another is given up", async () => {
  const { log, recorder } = await behind();
  log.always = () => refusal(409, "log.gap", { expected: 3 });
  await assert.rejects(recorder.flush(), { code: "log.gap" });
  assert.equal(log.bodies.length, 2);
});

test("a log that requests proven links again has lost them", async () => {
  const { log, recorder } = await behind();
  log.always = (body, pass) => (begins(body) === 0 ? pass() : refusal(409, "log.gap", { expected: 1 }));
  const last = record(recorder, "a.four")[0];
  for (const hint of [/is retried/, /is retried/, /new chain/]) {
    await assert.rejects(recorder.flush(), { code: "log.rollback", hint });
  }
  record(recorder, "b.one");
  await recorder.flush();
  assert.deepEqual(log.actions, ["a.one", "b.one"]);
  await assert.rejects(last?.delivered() ?? Promise.resolve(), { code: "log.rollback" });
});

test("a log that requests proven links once, and then accepts later ones, has not lost them", async () => {
  const { log, recorder } = await behind();
  for (const action of ["a.four", "a.five"]) {
    log.meets(
      () => refusal(409, "log.gap", { expected: 1 }),
      () => refusal(409, "log.gap", { expected: 0 }),
    );
    await assert.rejects(recorder.flush(), { code: "log.rollback" });
    await assert.rejects(recorder.flush(), { code: "log.rollback" });
    await recorder.flush();
    record(recorder, action);
  }
  await recorder.close();
  assert.deepEqual(log.actions, ["a.one", "a.two", "a.three", "a.four", "a.five"]);
});

test("413 with limits permanently reduces the request size", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log, new Storage());
  log.always = () => refusal(503, "server.unavailable");
  for (let nth = 0; nth < 6; nth++) {
    record(recorder, "a.b");
    await assert.rejects(recorder.flush());
  }
  log.bodies.length = 0;
  log.always = (body, pass) =>
    linesOf(body).length > 3 ? refusal(413, "submit.too_large", { limits: { bytes: 1 << 20, lines: 3 } }) : pass();
  await recorder.flush();
  assert.deepEqual(
    log.bodies.map((body) => linesOf(body).length),
    [7, 3, 3, 1],
  );
  assert.equal(log.actions.length, 6);
});

test("413 without limits halves the request size each time", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log);
  log.always = () => refusal(503, "server.unavailable");
  for (let nth = 0; nth < 8; nth++) {
    record(recorder, "a.b");
    await assert.rejects(recorder.flush());
  }
  log.bodies.length = 0;
  log.always = (body, pass) => (linesOf(body).length > 2 ? new Response(null, { status: 413 }) : pass());
  await recorder.flush();
  assert.equal(log.actions.length, 8);
  assert.ok(log.bodies.length < 12, `${log.bodies.length} requests`);
});

test("413 without limits doesn't reduce to single batches for good", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log);
  log.always = () => refusal(503, "server.unavailable");
  for (let nth = 0; nth < 100; nth++) {
    record(recorder, "a.b");
    await assert.rejects(recorder.flush());
  }
  log.bodies.length = 0;
  let refused = 0;
  log.always = (_, pass) => (refused++ < 7 ? new Response(null, { status: 413 }) : pass());
  await assert.rejects(recorder.flush(), { code: "submit.too_large" });
  log.always = undefined;
  log.bodies.length = 0;
  await recorder.flush();
  assert.equal(log.actions.length, 100);
  const lines = log.bodies.map((body) => linesOf(body).length);
  assert.deepEqual(lines.slice(0, 16), [2, ...Array(15).fill(1)]);
  assert.ok(lines.length < 60 && Math.max(...lines) > 3, `${lines}`);
});

/** Rejects bodies above this size, with or without stating the limit. */
const atMost =
  (bytes: number, beside: object = {}): Intervention =>
  (body, pass) =>
    body.length > bytes ? refusal(413, "submit.too_large", beside) : pass();

/** Actions whose events form one batch of about 50,000 bytes. */
const NAMES = Array.from({ length: 12 }, (_, nth) => `a.n${nth}`);
const recordMuch = (recorder: Awaited<ReturnType<typeof recorderOf>>) =>
  NAMES.map((action) => recorder.record({ action, reason: "x".repeat(4_000) }));

test("413 for a single event doesn't affect others", async () => {
  const log = new MemoryLog();
  const recorder = await recorderOf(log);
  recorder.record({ action: "a.large", reason: "x".repeat(30_000) });
  log.always = atMost(20_000);
  for (let time = 0; time < 20; time++) {
    await assert.rejects(recorder.flush(), { code: "submit.too_large", hint: /record smaller events/ });
  }
  log.always = undefined;
  await recorder.flush();
  const before = log.bodies.length;
  recordMuch(recorder);
  await recorder.close();
  assert.equal(log.bodies.length - before, 1);
  assert.deepEqual(log.actions, ["a.large", ...NAMES]);
});

test("an exceeded quota is retried at the stated time, and everything arrives once", async (t) => {
  let now = 0;
  t.mock.method(performance, "now", () => now);
  const log = new MemoryLog();
  const recorder = await recorderOf(log);
  record(recorder, "a.b", "a.c");
  log.meets(() => refusal(429, "submit.quota", {}, { "retry-after": "30" }));
  await assert.rejects(recorder.flush(), { code: "log_server.busy" });
  record(recorder, "a.d");
  now = 29_900;
  await assert.rejects(recorder.flush(), { code: "log_server.busy" });
  assert.equal(log.bodies.length, 1);
  now = 60_000;
  await recorder.flush();
  assert.deepEqual(log.actions, ["a.b", "a.c", "a.d"]);
});

for (const [form, after] of Object.entries({
  seconds: { "retry-after": "7" },
  "a decimal": { "retry-after": "7.5" },
  "a date": { "retry-after": "Thu, 26 Nov 2026 07:00:07 GMT", date: "Thu, 26 Nov 2026 07:00:00 GMT" },
})) {
  test(`no request is sent before the time stated as ${form}`, async (t) => {
    let now = 0;
    t.mock.method(performance, "now", () => now);
    const log = new MemoryLog();
    const recorder = await recorderOf(log);
    record(recorder, "a.b");
    log.meets(() => refusal(503, "server.unavailable", {}, after));
    await assert.rejects(recorder.flush(), { code: "log_server.busy" });
    now = 6_900;
    await assert.rejects(recorder.flush(), { code: "log_server.busy" });
    assert.equal(log.bodies.length, 1);
    now = 7_100;
    await recorder.flush();
    assert.deepEqual(log.actions, ["a.b"]);
  });
}
