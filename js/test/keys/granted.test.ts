/** Tests granted keys with a server that responds as each case needs. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { CountersignError } from "../../packages/countersign/dist/error.js";
import { grantedKey } from "../../packages/countersign/dist/keys/granted.js";
import { generateKey } from "../../packages/countersign/dist/record/record.js";
import { until } from "../eventually.ts";
import { openGrantRequest } from "./grant-requests.ts";

const FROM = "https://app.example/audit/grant";
const HOUR = 3_600_000;

type Answers = (vkey: string, init: RequestInit) => Response | Promise<Response>;

/** Sets the responses to requests, and returns the requested vkeys. Their keys must have signed the requests. */
function serve(t: TestContext, answers: Answers = granting, times: string[] = []): string[] {
  const requested: string[] = [];
  t.mock.method(globalThis, "fetch", async (_: unknown, init: RequestInit) => {
    const { request, ...others } = JSON.parse(`${init.body}`);
    assert.deepEqual(others, {});
    const { vkey, time } = openGrantRequest(request);
    requested.push(vkey);
    times.push(time);
    return answers(vkey, init);
  });
  return requested;
}

function granting(vkey: string): Response {
  const now = Date.now();
  return Response.json({ vkey, until: new Date(now + HOUR), now: new Date(now) });
}

const options = { from: FROM, issuer: "example.com", keep: false } as const;

const aborted = ({ signal }: RequestInit) =>
  new Promise<never>((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));

for (const [when, answers] of [
  ["at all", (_: string, init: RequestInit) => aborted(init)],
  ["to the end", (_: string, init: RequestInit) => new Response(new ReadableStream({ pull: () => aborted(init) }))],
] as const) {
  test(`grantedKey: gives up on a server that doesn't respond ${when}`, async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const requests = serve(t, answers);
    const refused = assert.rejects(grantedKey(options), { code: "grant.failed", message: /within 15000 ms/ });
    await until("the server is asked", () => requests.length > 0);
    t.mock.timers.tick(15_000);
    await refused;
  });
}

test("grantedKey: repeats a server's message sanitized and truncated", async (t) => {
  const error = { code: "grant.refused", message: `no\u001b[2J\u202e${"é".repeat(400)}`, hint: "ask\r\nOps" };
  serve(t, () => Response.json({ error }, { status: 403 }));
  await assert.rejects(grantedKey(options), {
    code: "grant.refused",
    message: `no [2J ${"é".repeat(293)}`,
    hint: "ask Ops",
  });
});

test("grantedKey: limits the size of a response", async (t) => {
  const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(1 << 18)) });
  serve(t, () => new Response(endless));
  await assert.rejects(grantedKey(options), { code: "grant.failed", message: /is not a grant/ });
});

test("grantedKey: stops on the caller's signal", async (t) => {
  const leaving = new AbortController();
  serve(t, (_, { signal }) => {
    leaving.abort(new Error("the page goes"));
    return Promise.reject(signal?.reason);
  });
  const init = { signal: leaving.signal };
  for (const _ of [1, 2]) {
    await assert.rejects(
      grantedKey({ ...options, init }),
      ({ code, cause }: CountersignError) => code === "grant.failed" && (cause as Error).message === "the page goes",
    );
  }
});

/** Returns the answer to a request that is rejected for its time. */
const outOfTime = (now: Date) =>
  Response.json({ error: { code: "request.time", message: "too old", hint: "sign again" }, now }, { status: 409 });

test("grantedKey: dates its request, and signs it again with the server's time", async (t) => {
  t.mock.timers.enable({ apis: ["Date"], now: Date.UTC(2026, 10, 20, 6) });
  const serverTime = new Date("2026-11-20T06:30:00.125Z");
  const times: string[] = [];
  const requests = serve(
    t,
    (vkey) =>
      times.length < 2
        ? outOfTime(serverTime)
        : Response.json({ vkey, until: new Date(serverTime.getTime() + HOUR), now: serverTime }),
    times,
  );
  const granted = await grantedKey(options);
  assert.deepEqual(times, ["2026-11-20T06:00:00.000Z", "2026-11-20T06:30:00.125Z"]);
  assert.deepEqual(requests, [granted.vkey, granted.vkey]);
  assert.equal(granted.until?.getTime(), serverTime.getTime() + HOUR);
});

test("grantedKey: signs a request again only once", async (t) => {
  const requests = serve(t, () => outOfTime(new Date()));
  await assert.rejects(grantedKey(options), { code: "grant.failed", message: "too old", hint: "sign again" });
  assert.equal(requests.length, 2);
  for (const now of [undefined, "later", null]) {
    const error = { code: "request.time", message: "too old" };
    const others = serve(t, () => Response.json({ error, now }, { status: 409 }));
    await assert.rejects(grantedKey(options), { code: "grant.failed", message: "too old" });
    assert.equal(others.length, 1, `${now}`);
  }
});

test("grantedKey: a clock that is ahead is reported without a grant", async (t) => {
  const requests = serve(t, () => outOfTime(new Date(Date.now() - 30 * 60_000)));
  await assert.rejects(grantedKey(options), { code: "clock.ahead", message: /30 minutes ahead/ });
  assert.equal(requests.length, 1);
});

test("grantedKey: the key of a fallback signs its requests", async (t) => {
  t.mock.method(crypto.subtle, "generateKey", () => Promise.reject(new Error("no Ed25519")));
  const requests = serve(t);
  const granted = await grantedKey({ ...options, fallback: generateKey });
  await granted.renew();
  assert.deepEqual(requests, [granted.vkey, granted.vkey]);
  const pair = async (name: string) => ({ ...(await generateKey(name)) });
  await assert.rejects(grantedKey({ ...options, fallback: pair as typeof generateKey }), {
    code: "options.invalid",
    member: "fallback",
    hint: /pass generateKey from countersign/,
  });
});

test("generateKey: a copy contains only the key pair", async () => {
  const generated = await generateKey("example.com/test");
  assert.deepEqual(Object.keys(structuredClone(generated)), ["key", "vkey"]);
  assert.deepEqual(Object.keys(JSON.parse(JSON.stringify(generated))), ["key", "vkey"]);
});

test("renew: `fresh` gets a new key during another renewal", async (t) => {
  const requests = serve(t);
  const granted = await grantedKey(options);
  const [first] = requests;
  const renewals = [granted.renew(), granted.renew({ fresh: true }), granted.renew({ fresh: true }), granted.renew()];
  await Promise.all(renewals);
  assert.equal(requests.length, 3);
  assert.equal(requests[1], first, "the same key is renewed");
  assert.notEqual(requests[2], first);
  assert.equal(granted.vkey, requests[2]);
  await granted.renew();
  assert.equal(requests[3], granted.vkey, "the new key can be renewed afterwards");
});

test("renew: `fresh` gets a new key although the previous renewal failed", async (t) => {
  let fails = false;
  serve(t, (vkey) => (fails ? new Response(null, { status: 503 }) : granting(vkey)));
  const granted = await grantedKey(options);
  const { vkey } = granted;
  fails = true;
  const failed = assert.rejects(granted.renew(), { code: "grant.failed" });
  const fresh = granted.renew({ fresh: true });
  await failed;
  fails = false;
  await fresh;
  assert.notEqual(granted.vkey, vkey);
});

test("follow: removes its listeners once no recorder follows", async (t) => {
  serve(t);
  const page = new EventTarget();
  const listening = new Set<unknown>();
  t.mock.method(page, "addEventListener", (_: string, listener: unknown) => listening.add(listener));
  t.mock.method(page, "removeEventListener", (_: string, listener: unknown) => listening.delete(listener));
  Object.assign(globalThis, { document: page });
  t.after(() => Reflect.deleteProperty(globalThis, "document"));
  const granted = await grantedKey(options);
  const rotated: unknown[] = [];
  const recorder = { rotate: async (key: unknown) => rotated.push(key) };
  const closed = {
    rotate: () => Promise.reject(new CountersignError("recorder.out_of_turn", "the recorder is closed")),
  };

  granted.follow(closed);
  assert.equal(listening.size, 1);
  await granted.renew();
  assert.equal(listening.size, 0, "its recorder was closed");

  const leave = granted.follow(recorder);
  granted.follow(closed);
  await granted.renew();
  assert.equal(listening.size, 1);
  assert.equal(rotated.length, 1);
  leave();
  assert.equal(listening.size, 0);
});

test("grantedKey: errors don't reveal secrets in the server's URL", async (t) => {
  serve(t, () => Promise.reject(new TypeError("fetch failed")));
  await assert.rejects(grantedKey({ ...options, from: `${FROM}?token=SECRET#SECRET` }), (error: Error) => {
    assert.match(error.message, /at https:\/\/app\.example\/audit\/grant$/);
    return true;
  });
  for (const from of ["https://me:SECRET@app.example/", "//me:SECRET@app.example/", "https:\\\\SECRET@app.example"]) {
    await assert.rejects(grantedKey({ ...options, from }), (error: CountersignError) => {
      assert.deepEqual([error.code, error.member, /SECRET/.test(error.message)], ["options.invalid", "from", false]);
      return true;
    });
  }
  serve(t, () => Response.json({}));
  await assert.rejects(grantedKey({ ...options, from: "/audit/grant?token=SECRET" }), {
    code: "grant.failed",
    message: "the response from /audit/grant is not a grant",
  });
});
