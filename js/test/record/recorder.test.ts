import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { loader } from "../../packages/countersign/dist/record/core.js";
import * as full from "../../packages/countersign/dist/record/record.js";
import { coded } from "../coded.ts";
import { createRecorder, creating } from "../deliver/recorder.ts";
import { until } from "../eventually.ts";
import { signerOf } from "./outside.ts";

const { generateKey, generateKeyHandle, memory } = full;
const ORIGIN = "log.example/audit";

interface Line {
  link?: string;
  salt?: string;
  event?: Record<string, unknown>;
}

const lines = (text: string): Line[] =>
  text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
/** Returns the kind of each link, with `*` if it is signed. */
const shape = (text: string) =>
  lines(text)
    .slice(1)
    .map(({ link = "" }) => {
      const [, kind, ...fields] = link.split(" ");
      return `${kind}${kind !== "event" || fields.length > 5 ? "*" : ""}`;
    })
    .join(" ");

const deferred = () => {
  let settle!: { resolve: (value?: unknown) => void; reject: (error: unknown) => void };
  const promise = new Promise((resolve, reject) => {
    settle = { resolve, reject };
  });
  return { promise, ...settle };
};

async function start(options: Partial<full.RecorderOptions> = {}, create = createRecorder) {
  const { key, vkey } = await generateKey("example.com/test");
  const to = memory();
  const recorder = await create({
    key,
    origin: ORIGIN,
    to,
    autoFlush: false,
    ...options,
  } as full.TransportOptions).ready();
  return { recorder, to, key, vkey };
}

test("recorder: records, flushes, and closes a chain", async () => {
  const { recorder, to, vkey } = await start();
  assert.equal(recorder.chain, undefined);
  recorder.record({ action: "job.delete", actor: { id: "u_1" } });
  recorder.record({ action: "job.update" });
  assert.equal(recorder.queued, 2);
  assert.equal(to.text(), "");
  await recorder.flush();
  assert.equal(recorder.queued, 0);
  assert.match(recorder.chain ?? "", /^[0-9a-f]{32}$/);
  await recorder.flush();
  recorder.record({ action: "job.create" });
  await recorder.close();
  assert.equal(shape(to.text()), "open* event event* event close*");
  const [header, open, first] = lines(to.text());
  assert.deepEqual(header, { countersign: "export/v1", origin: ORIGIN });
  assert.ok(open?.link?.startsWith(`countersign/v1 open ${ORIGIN} ${vkey} `));
  assert.deepEqual(first?.event, { action: "job.delete", actor: { id: "u_1" } });
});

test("recorder: an event has the time at which it was recorded", async () => {
  let clock = Date.UTC(2026, 10, 20, 6);
  const { recorder, to } = await start({}, creating({ now: () => clock }));
  recorder.record({ action: "a.b" });
  clock += 1000;
  recorder.record({ action: "a.b" });
  clock -= 5000;
  recorder.record({ action: "a.b" });
  clock += 60_000;
  await recorder.close();
  const times = lines(to.text())
    .slice(1)
    .map(({ link }) => link?.match(/ (\S{24}) /)?.[1]);
  assert.deepEqual(times, [
    "2026-11-20T06:00:00.000Z",
    "2026-11-20T06:00:00.000Z",
    "2026-11-20T06:00:01.000Z",
    "2026-11-20T06:00:01.000Z",
    "2026-11-20T06:00:56.000Z",
  ]);
});

test("recorder: salts are unique", async () => {
  const { recorder, to } = await start();
  for (let nth = 0; nth < 50; nth++) {
    recorder.record({ action: "a.b" });
  }
  await recorder.close();
  const salts = lines(to.text()).flatMap(({ salt }) => salt ?? []);
  assert.equal(new Set(salts).size, 50);
});

test("redact: supports secrets, additional fields, only these, and none", async () => {
  const event = { action: "a.b", metadata: { Token: "t", ssn: 1, card: { number: "4" } } };
  const recorded = async (redact?: full.RecorderOptions["redact"]) => {
    const { recorder, to } = await start({ redact });
    recorder.record(event);
    assert.equal(recorder.status().redacted, to.text().match(/\[redacted\]/g)?.length ?? recorder.status().redacted);
    await recorder.close();
    return lines(to.text())[2]?.event?.metadata;
  };
  const [card, gone] = [{ number: "4" }, "[redacted]"];
  assert.deepEqual(await recorded(), { Token: gone, ssn: 1, card });
  assert.deepEqual(await recorded(["SSN", "card.number"]), { Token: gone, ssn: gone, card: { number: gone } });
  assert.deepEqual(await recorded([]), { Token: gone, ssn: 1, card });
  assert.deepEqual(await recorded({ only: ["SSN"] }), { Token: "t", ssn: gone, card });
  assert.deepEqual(await recorded({ keep: ["token"], also: ["ssn"] }), { Token: "t", ssn: gone, card });
  assert.deepEqual(await recorded({ keep: ["metadata.token"] }), { Token: "t", ssn: 1, card });
  assert.deepEqual(await recorded({ keep: ["other.token"] }), { Token: gone, ssn: 1, card });
  assert.deepEqual(await recorded({ keep: ["ssn"], also: ["ssn"] }), { Token: gone, ssn: gone, card });
  assert.deepEqual(await recorded(false), { Token: "t", ssn: 1, card });
});

test("pathShapes: records only the shape of paths", async () => {
  const recorded = async (options: { pathShapes?: boolean }) => {
    const { recorder, to } = await start(options);
    recorder.record({ action: "http.request", http: { method: "GET", path: "/jobs/42", status: 200 } });
    recorder.recordJson('{"http":{"url":"https://u@a.example/7/x?q=1"},"path":"/7"}');
    await recorder.close();
    return lines(to.text()).flatMap(({ event }) => (event ? [event] : []));
  };
  const [request, other] = await recorded({ pathShapes: true });
  assert.deepEqual(request?.http, { method: "GET", path: "/jobs/{number}", status: 200 });
  assert.deepEqual(other, { http: { url: "https://a.example/{number}/x" }, path: "/7" });
  assert.deepEqual((await recorded({}))[0]?.http, { method: "GET", path: "/jobs/42", status: 200 });
});

test("redact: replaces secrets by name and value, and counts them", async () => {
  const { recorder, to } = await start();
  const [jwt, pem] = [
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----",
  ];
  const names = [
    "access_token",
    "refreshToken",
    "api_key",
    "x-api-key",
    "client_secret",
    "passwordHash",
    "private_key",
  ];
  const about = {
    token_count: 3,
    author: "ada",
    keyboard: "de",
    password_changed_at: "2026-11-20",
    session: { type: "web" },
  };
  recorder.record({
    action: "a.b",
    reason: `Bearer ${jwt} was refused`,
    metadata: { ...about, url: "/x?token=abc&page=2", pem, aws: "AKIAIOSFODNN7EXAMPLE", gh: `ghp_${"a1".repeat(18)}` },
    before: Object.fromEntries(names.map((name) => [name, "hunter2"])),
    after: { password: { from: "hunter2", to: ["hunter2"] }, authorization: { bearer: "hunter2" } },
  });
  assert.equal(recorder.status().redacted, 5 + names.length + 3);
  await recorder.close();
  const event = lines(to.text())[2]?.event;
  const gone = "[redacted]";
  assert.deepEqual(event, {
    action: "a.b",
    reason: `Bearer ${gone} was refused`,
    metadata: { ...about, url: `/x?token=${gone}&page=2`, pem: gone, aws: gone, gh: gone },
    before: Object.fromEntries(names.map((name) => [name, gone])),
    after: { password: { from: gone, to: gone }, authorization: { bearer: gone } },
  });
});

test("redact: keeps identifiers, counts, and settings next to secrets", async () => {
  const { recorder, to } = await start();
  const token = { id: "t_9", scopes: ["read"] };
  const kept = { hashed_token: "mKx0W1v9qf=", session_id: "s_7", tokens: 512, secret_scanning: "disabled", token };
  const headers = (value: string) => [["x-api-key", value]];
  const pairs = (value: string) => [{ name: "password", value }];
  const text = (value: string) => `password: ${value}`;
  const beside = (value: string) => ({ headers: headers(value), pairs: pairs(value), text: text(value) });
  recorder.record({ action: "a.b", metadata: { ...kept, ...beside("hunter3") } });
  assert.equal(recorder.status().redacted, 3);
  await recorder.close();
  assert.deepEqual(lines(to.text())[2]?.event?.metadata, { ...kept, ...beside("[redacted]") });
});

test("beforeRecord: replaces events, and can't omit any", async () => {
  let made: { event: unknown } | undefined;
  const { recorder, to } = await start({
    beforeRecord: (event) => (made === undefined ? { ...event, tenant: "t_1" } : made.event) as never,
  });
  recorder.record({ action: "a.b", metadata: { token: "x" } });
  const cause = new Error("mine");
  for (const event of [null, "x", Promise.resolve({ action: "a.b" }), { action: 1 }]) {
    made = { event };
    assert.throws(() => recorder.record({ action: "a.b" }), { code: "event.invalid" });
  }
  made = undefined;
  recorder.recordJson('{"any":1}');
  await recorder.close();
  const events = lines(to.text()).flatMap(({ event }) => event ?? []);
  assert.deepEqual(events, [{ action: "a.b", metadata: { token: "[redacted]" }, tenant: "t_1" }, { any: 1 }]);
  const failing = await start({
    beforeRecord: () => {
      throw cause;
    },
  });
  assert.throws(() => failing.recorder.record({ action: "a.b" }), { code: "event.invalid", cause });
});

test('onInvalid: "report" reports an invalid event and records that there was one', async () => {
  const reported: string[] = [];
  const { recorder, to } = await start({
    onInvalid: "report",
    onError: ({ code, member }) => reported.push(`${code} ${member}`),
  });
  const handles = [recorder.record({} as never), recorder.record(undefined as never), recorder.recordJson("{")];
  recorder.record({ action: "a.b" });
  for (const handle of handles) {
    await assert.rejects(handle.delivered(), { code: "event.invalid" });
    await assert.rejects(handle.stored(), { code: "event.invalid" });
  }
  await recorder.close();
  assert.deepEqual(reported, ["event.invalid action", "event.invalid undefined", "event.invalid undefined"]);
  const events = lines(to.text()).flatMap(({ event }) => event ?? []);
  const dropped = (beside: object) => ({
    action: "countersign.dropped",
    actor: { type: "service", id: "countersign" },
    outcome: "failure",
    reason: "an event was not valid",
    metadata: { count: 1, code: "event.invalid", ...beside },
  });
  assert.deepEqual(events, [dropped({ member: "action" }), dropped({}), dropped({}), { action: "a.b" }]);
  assert.throws(() => recorder.record({ action: "a.b" }), { code: "recorder.out_of_turn" });
});

test("recorder: rejects an invalid event immediately with its field, and continues", async () => {
  const { recorder, to } = await start();
  const refused = (event: unknown, member: string) =>
    assert.throws(() => recorder.record(event as full.AuditEvent), {
      name: "CountersignError",
      code: "event.invalid",
      member,
    });
  refused({}, "action");
  refused({ action: "a.b", actor: { name: "Ada" } }, "actor.id");
  refused({ action: "a.b", outcome: "ok" }, "outcome");
  refused({ action: "a.b", metadata: { n: () => 1 } }, "metadata.n");
  refused({ action: "a.b", metadata: { n: 2 ** 53 } }, "metadata.n");
  refused({ action: "a.b", reason: "\ud800" }, "reason");
  assert.equal(recorder.queued, 0);
  recorder.record({ action: "a.b" });
  await recorder.close();
  assert.equal(shape(to.text()), "open* event close*");
});

test("recordJson: accepts any JSON object without rounding numbers", async () => {
  const { recorder, to } = await start();
  recorder.recordJson('{"b": 1.0, "a": "\\u20ac"}');
  recorder.recordJson(new TextEncoder().encode('{"a":9007199254740991}'));
  const refused = (json: string | Uint8Array, member?: string) =>
    assert.throws(() => recorder.recordJson(json), coded("event.invalid", member));
  refused('{"n":9007199254740993}', "n");
  refused('{"a":1,"a":1}', "a");
  refused("[]");
  refused("");
  refused('{"a":"\ud800"}');
  refused(Uint8Array.of(0x7b, 0xff, 0x7d));
  refused(Uint8Array.of(0xef, 0xbb, 0xbf, 0x7b, 0x7d));
  await recorder.close();
  assert.deepEqual(
    lines(to.text()).flatMap(({ event }) => event ?? []),
    [{ a: "€", b: 1 }, { a: 9007199254740991 }],
  );
});

test("flush: runs one at a time, in call order", async () => {
  const { key, vkey } = await generateKey("example.com/slow");
  const sign = signerOf(key);
  const gates: ReturnType<typeof deferred>[] = [];
  let under = 0;
  const { recorder, to } = await start({
    key: {
      vkey,
      async sign(bytes) {
        assert.equal(++under, 1);
        const gate = deferred();
        gates.push(gate);
        await gate.promise;
        under--;
        return sign(bytes);
      },
    },
  });
  const open = async (nth: number) => {
    await until(`${nth} signatures are asked for`, () => gates.length >= nth);
    gates[nth - 1]?.resolve();
  };
  recorder.record({ action: "a.one" });
  const first = recorder.flush();
  await new Promise(setImmediate);
  recorder.record({ action: "a.two" });
  const second = recorder.flush();
  await open(1);
  await open(2);
  await first;
  assert.equal(shape(to.text()), "open* event*");
  recorder.record({ action: "a.three" });
  const closed = recorder.close();
  await open(3);
  await second;
  await closed;
  assert.deepEqual(
    lines(to.text()).flatMap(({ event }) => event?.action ?? []),
    ["a.one", "a.two", "a.three"],
  );
  assert.equal(shape(to.text()), "open* event* event event close*");
});

test("transport: repeats lines that failed", async () => {
  const taken: string[] = [];
  let down = true;
  const cause = new Error("down");
  const { recorder } = await start({
    to(chunk) {
      if (down) {
        throw cause;
      }
      taken.push(new TextDecoder().decode(chunk));
    },
  });
  recorder.record({ action: "a.b" });
  await assert.rejects(recorder.flush(), { code: "transport.failed", cause });
  recorder.record({ action: "a.b" });
  await assert.rejects(recorder.flush(), { code: "transport.failed" });
  down = false;
  await recorder.flush();
  assert.equal(taken.length, 1, "waiting links of a chain are sent together");
  assert.equal(shape(taken.join("")), "open* event* event*");
  down = true;
  await assert.rejects(recorder.close(), { code: "transport.failed" });
  assert.throws(() => recorder.record({ action: "a.b" }), { code: "recorder.out_of_turn" });
  down = false;
  await recorder.close();
  assert.equal(shape(taken.join("")), "open* event* event* close*");
});

test("signer: keeps events that it failed to sign", async () => {
  const { key, vkey } = await generateKey("example.com/failing");
  const sign = signerOf(key);
  let down = true;
  const to = memory();
  const recorder = await createRecorder({
    key: {
      vkey,
      sign: (bytes) => (down ? Promise.reject(new Error("down")) : sign(bytes)),
    },
    origin: ORIGIN,
    to,
  }).ready();
  down = true;
  recorder.record({ action: "a.one" });
  await assert.rejects(recorder.flush(), { code: "signer.failed" });
  recorder.record({ action: "a.two" });
  await assert.rejects(recorder.close(), { code: "signer.failed" });
  assert.throws(() => recorder.record({ action: "a.three" }), { code: "recorder.out_of_turn" });
  down = false;
  await recorder.close();
  assert.equal(shape(to.text()), "open* event event close*");
});

test("signer: a wrong key is detected at the first signature", async () => {
  const one = await generateKeyHandle("example.com/one");
  const other = await generateKeyHandle("example.com/one");
  const elsewhere = await start({ key: { vkey: one.vkey, privateKey: other.privateKey } });
  elsewhere.recorder.record({ action: "a.b" });
  await assert.rejects(elsewhere.recorder.flush(), { code: "signature.invalid" });
  assert.equal(elsewhere.to.text(), "");
  const { recorder } = await start({ key: { vkey: one.vkey, sign: () => new Uint8Array(63) } });
  await assert.rejects(recorder.close(), { code: "signature.invalid" });
  const nothing = await start({ key: { vkey: one.vkey, sign: (() => "x") as never } });
  await assert.rejects(nothing.recorder.close(), { code: "signer.failed" });
});

test("signer: a non-extractable key signs", async () => {
  const key = await generateKeyHandle("example.com/handle");
  assert.equal(key.privateKey.extractable, false);
  const to = memory();
  const recorder = await createRecorder({ key, origin: ORIGIN, to }).ready();
  await recorder.close();
  assert.equal(shape(to.text()), "open* close*");
  for (const name of ["", "a b", "a+b", "a\n", "a\u2028b"]) {
    await assert.rejects(generateKeyHandle(name), { code: "name.invalid" });
    await assert.rejects(generateKey(name), { code: "name.invalid" });
  }
});

test("record: throws when the recorder is full", async () => {
  const { recorder, to } = await start({ maxWaitingBytes: 2000 });
  const event = { action: "a.b", reason: "x".repeat(400) };
  recorder.record(event);
  recorder.record(event);
  assert.throws(() => recorder.record(event), { code: "recorder.full" });
  await recorder.flush();
  recorder.record(event);
  await recorder.close();
  assert.equal(shape(to.text()), "open* event event* event close*");
});

test("record: counts the link of each event toward the limit", async () => {
  const { recorder } = await start({ maxWaitingBytes: 10_000 });
  let taken = 0;
  const fill = () => {
    for (; taken < 1_000; taken++) {
      recorder.recordJson("{}");
    }
  };
  assert.throws(fill, { code: "recorder.full" });
  assert.ok(taken >= 20 && taken < 30, `${taken} were taken`);
  await recorder.flush();
  recorder.recordJson("{}");
  await recorder.close();
});

test("options: are validated and named", async () => {
  const { key } = await generateKey("example.com/test");
  const good = { key, origin: ORIGIN, to: memory() };
  for (const [options, code, member] of [
    [{ origin: undefined }, "options.invalid", "origin"],
    [{ to: undefined }, "options.invalid", "to"],
    [{ to: {} }, "options.invalid", "to"],
    [{ to: "https://log.example" }, "options.invalid", "log"],
    [{ log: "log.example/audit" }, "options.invalid", "log"],
    [{ outbox: {} }, "options.invalid", "outbox"],
    [{ autoFlush: { maxEvents: 0 } }, "options.invalid", "autoFlush.maxEvents"],
    [{ autoFlush: { maxDelayMs: -1 } }, "options.invalid", "autoFlush.maxDelayMs"],
    [{ onFull: "wait" }, "options.invalid", "onFull"],
    [{ onError: "console" }, "options.invalid", "onError"],
    [{ timeoutMs: 0 }, "options.invalid", "timeoutMs"],
    [{ key: undefined }, "options.invalid", "key"],
    [{ key: {} }, "options.invalid", "key"],
    [{ maxWaitingBytes: 1.5 }, "options.invalid", "maxWaitingBytes"],
    [{ redact: [1] }, "options.invalid", "redact"],
    [{ path: "actual" }, "options.invalid", "path"],
  ] as const) {
    assert.throws(() => createRecorder({ ...good, ...options } as never), coded(code, member));
  }
  const unnamed = createRecorder({ ...good, origin: "a b", onError: () => {} });
  await assert.rejects(unnamed.ready(), coded("name.invalid", undefined));
});

test("options: an unusable key is rejected without revealing it", async () => {
  const { key } = await generateKey("example.com/test");
  const secret = key.slice(-44);
  const flipped = key.replace(/\+[0-9a-f]{8}\+/, "+00000000+");
  for (const text of ["PRIVATE+KEY+", key.slice(0, -4), flipped, `${key}\n+`, key.slice("PRIVATE+KEY+".length)]) {
    const create = async () => createRecorder({ key: text, origin: ORIGIN, to: memory(), onError: () => {} }).ready();
    await assert.rejects(create(), (error: full.CountersignError) => {
      assert.equal(error.code, "key.invalid", text);
      assert.ok(!`${error.message} ${error.hint} ${error.stack}`.includes(secret));
      return true;
    });
  }
});

test("start: a failed load is retried", async () => {
  let loads = 0;
  const load = loader(async () => {
    loads++;
    if (loads === 1) {
      throw new Error("offline");
    }
    return new WebAssembly.Module(
      await readFile(new URL("../../packages/countersign/dist/wasm/recorder_bg.wasm", import.meta.url)),
    );
  });
  await assert.rejects(Promise.all([load(), load()]), { code: "wasm.unavailable" });
  const core = await load();
  assert.equal(core.header("a"), '{"countersign":"export/v1","origin":"a"}\n');
  assert.equal(await load(), core);
  assert.equal(loads, 2);
});
