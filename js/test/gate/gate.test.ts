/** Tests a gate by itself: its decisions, and its failures. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, type TestContext, test } from "node:test";
import type { AuditEvent } from "countersign";
import {
  type CountersignError,
  type Decision,
  type EventToBe,
  type Gate,
  type GateOptions,
  gate,
  type Refusal,
} from "countersign/gate";
import { artifact } from "../../packages/countersign/dist/artifact/gate.js";
import { gating } from "../../packages/countersign/dist/gate/gate.js";
import { FINDING, listServer, OTHER, PACK, WATCH, watchlist } from "./lists.ts";
import { PATHS, pack, TABLE } from "./packs.ts";

const request = (path: string, more: Partial<AuditEvent> = {}): AuditEvent => ({
  action: "http.request",
  http: { method: "GET", path, status: 0 },
  ...more,
});

const from = (actor: string) => request("/jobs", { actor: { id: actor } });

const THERE = { url: "https://log.example/watchlist", key: WATCH.vkey };
const OFTEN = { name: "often", by: "actor", max: 1, windowMs: 60_000 } as const;

/** Summarizes a decision. */
async function of(gate: Gate, event: AuditEvent): Promise<string> {
  const decision = await gate.decide(event);
  return decision.decision === "allow" ? "allow" : `${decision.decision} by ${decision.by} ${decision.rule}`;
}

/** Returns a gate, and the errors passed to its `onError`. */
function gateWithErrors(options: Omit<GateOptions, "onError">) {
  const errors: string[] = [];
  return { errors, gate: gate({ ...options, onError: ({ code }) => errors.push(code) }) };
}

/** Creates a gate with its own clock. */
const gateAt = (now: () => number, options: GateOptions) => gating(artifact, now)(options);

const invalid = (options: unknown): CountersignError => {
  try {
    gate(options as GateOptions);
  } catch (error) {
    return error as CountersignError;
  }
  return assert.fail(JSON.stringify(options));
};

/** Returns a copy with the object's fields in another order. */
function turned(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(turned);
  }
  const isObject = typeof value === "object" && value !== null;
  return isObject
    ? Object.fromEntries(
        Object.entries(value)
          .reverse()
          .map(([name, member]) => [name, turned(member)]),
      )
    : value;
}

describe("gate", () => {
  test("decides by the rules of its pack", async () => {
    const own = gate({ pack: PATHS, fail: "closed" });
    assert.equal(await of(own, request("/jobs")), "allow");
    assert.equal(await of(own, request("/internal/x")), "deny by rule internal");
    assert.equal(await of(own, request("/admin")), "challenge by rule admin");
    assert.equal(await of(own, request("/healthz")), "allow");
    const decision = own.decide(request("/internal"));
    assert.ok(!(decision instanceof Promise), "synchronous once it is loaded");
    const { hash } = own.status().pack ?? assert.fail("not loaded");
    assert.deepEqual(decision, {
      decision: "deny",
      by: "rule",
      rule: "internal",
      title: "The rule internal",
      pack: hash,
    });
  });

  test("allows an ambiguous event if both interpretations are allowed, and counts it once", async () => {
    const limits = [
      {
        name: "often",
        by: () => "all",
        max: 2,
        windowMs: 1_000,
        only: ({ http }: EventToBe) => http?.path === "/jobs",
      },
    ] as const;
    const own = gateAt(() => 0, { pack: PATHS, fail: "closed", limits });
    await own.ready();
    const both = (one: string, other: string) => (own.decide(request(one), {}, request(other)) as Decision).decision;
    assert.equal(both("/x", "/internal"), "deny");
    assert.equal(both("/internal", "/x"), "deny");
    assert.equal(both("/healthz", "/admin"), "challenge");
    assert.equal(both("/healthz", "/healthz"), "allow");
    assert.equal(both("/healthz", "/jobs"), "allow");
    assert.equal(both("/jobs", "/jobs"), "allow");
    assert.equal(both("/jobs", "/jobs"), "deny", "denied by the limit at the third request");
    assert.equal(both("/x", "/jobs"), "deny");
    assert.equal(both("/healthz", "/healthz"), "allow");
  });

  test("doesn't load Node.js's crypto without a watchlist", async () => {
    const crypto = Object.getOwnPropertyDescriptor(globalThis, "crypto") ?? assert.fail("there is none");
    const get = () => assert.fail("crypto was used");
    Object.defineProperty(globalThis, "crypto", { configurable: true, get });
    try {
      await gate({ pack: PATHS, fail: "closed" }).ready();
    } finally {
      Object.defineProperty(globalThis, "crypto", crypto);
    }
  });

  test("accepts a pack as text and as a parsed object", async () => {
    const hashes = await Promise.all(
      [TABLE.pack, JSON.parse(TABLE.pack), turned(JSON.parse(TABLE.pack))].map(async (pack) => {
        const own = gate({ pack, fail: "open" });
        await own.ready();
        return own.status().pack;
      }),
    );
    assert.deepEqual([hashes[0], hashes[0]], hashes.slice(1));
    assert.equal(hashes[0]?.rules, 30);
  });

  test("rejects invalid options", () => {
    for (const [options, member] of [
      [undefined, "pack"],
      [{ fail: "open" }, "pack"],
      [{ pack: PATHS }, "fail"],
      [{ pack: PATHS, fail: "half" }, "fail"],
      [{ pack: PATHS, fail: "open", watchlist: { url: "https://log.example/watchlist" } }, "watchlist.key"],
      [{ pack: PATHS, fail: "open", watchlist: { url: "there", key: WATCH.vkey } }, "watchlist.url"],
      [
        {
          pack: PATHS,
          fail: "open",
          watchlist: { url: "https://log.example/watchlist", key: WATCH.vkey, maxAgeMs: 999 },
        },
        "watchlist.maxAgeMs",
      ],
      [{ pack: PATHS, fail: "open", watchlist: { ...THERE, maxWaitMs: "2s" } }, "watchlist.maxWaitMs"],
      [{ pack: PATHS, fail: "open", watchlist: { ...THERE, maxAgeMs: "5000" } }, "watchlist.maxAgeMs"],
      [{ pack: PATHS, fail: "open", watchlist: { ...THERE, header: {} } }, "watchlist.header"],
      [{ pack: PATHS, fail: "open", watchlist: { ...THERE, url: "https://a:b@log.example/" } }, "watchlist.url"],
      [{ pack: PATHS, fail: "open", watchlist: { ...THERE, url: "ftp://log.example/" } }, "watchlist.url"],
      [{ pack: PATHS, fail: "open", watchlist: { ...THERE, key: WATCH.secret } }, "watchlist.key"],
      [{ pack: PATHS, fail: "open", watchlist: { ...THERE, key: "example.com/watch" } }, "watchlist.key"],
      [{ pack: PATHS, fail: "open", watchlist: { ...THERE, fetch: {} } }, "watchlist.fetch"],
      [{ pack: PATHS, fail: "open", respond: { status: 404 } }, "respond"],
      [{ pack: PATHS, fail: "open", onError: "console" }, "onError"],
      [{ pack: PATHS, fail: "open", limits: [null] }, "limits"],
      [{ pack: PATHS, fail: "open", limits: OFTEN }, "limits"],
      [{ pack: PATHS, fail: "open", limits: [{ ...OFTEN, onyl: () => false }] }, "limits.onyl"],
      [{ pack: PATHS, fail: "open", limits: [{ ...OFTEN, only: "/login" }] }, "limits.only"],
      [{ pack: PATHS, fail: "open", limits: [{ ...OFTEN, decision: "allow" }] }, "limits.decision"],
      [{ pack: PATHS, fail: "open", limits: [{ ...OFTEN, in: "LIMITS" }] }, "limits.in"],
      [{ pack: PATHS, fail: "open", limits: [{ ...OFTEN, in: { fetch() {} } }] }, "limits.in"],
      [{ pack: PATHS, fail: "open", limits: [OFTEN, { ...OFTEN, by: "address" }] }, "limits.name"],
      [{ pack: PATHS, fail: "open", limits: [{ name: "a", by: "nose", max: 1, windowMs: 1 }] }, "limits.by"],
      [{ pack: PATHS, fail: "open", limits: [{ name: "a", by: "actor", max: 0, windowMs: 1 }] }, "limits.max"],
      [{ pack: PATHS, fail: "open", pakc: 1 }, "pakc"],
    ] as const) {
      const { code, member: found, hint } = invalid(options);
      assert.deepEqual([code, found], ["options.invalid", member]);
      assert.ok(hint);
    }
  });

  for (const [fail, decided] of [
    ["open", "allow"],
    ["closed", "deny by failure pack.invalid"],
  ] as const) {
    test(`with an invalid pack, fails ${fail}`, async () => {
      for (const [wrong, said] of [
        ["{", "not valid JSON"],
        [{ rules: [] }, "countersign rules build"],
        [pack({ a: ["refuse", { condition: "x", x: { a: 1 } }] }), "The rule a: rule.decision"],
        [pack({ a: ["deny", { condition: "x", x: { "a|nope": 1 } }] }), "The rule a: rule.modifier"],
      ] as const) {
        const { errors, gate: own } = gateWithErrors({ pack: wrong, fail });
        assert.equal(await of(own, request("/")), decided);
        assert.deepEqual(errors, ["pack.invalid"]);
        await assert.rejects(own.ready(), (error: CountersignError) => `${error.message} ${error.hint}`.includes(said));
      }
    });
  }

  test("responds as configured, and reveals no rules by default", async () => {
    const own = gate({
      pack: PATHS,
      fail: "open",
      respond: (refusal) => {
        if (refusal.decision === "challenge") {
          return { status: 302, headers: { location: "/login" }, body: "" };
        }
        if (refusal.rule === "broken") {
          throw new Error("it throws");
        }
        return undefined;
      },
      onError: () => {},
    });
    const answers = await Promise.all(
      ["/admin", "/internal"].map(async (path) => own.answer((await own.decide(request(path))) as never)),
    );
    assert.deepEqual(
      answers.map(({ status }) => status),
      [302, 403],
    );
    assert.doesNotMatch(JSON.stringify(answers[1]), /internal/);
    assert.equal(own.answer({ decision: "deny", by: "rule", rule: "broken" }).status, 403);
    const challenge = gate({ pack: PATHS, fail: "open" }).answer({ decision: "challenge", by: "rule", rule: "x" });
    assert.equal(challenge.status, 401);
    assert.match(challenge.headers["www-authenticate"] ?? "", /^Bearer error="insufficient_user_authentication"$/);
  });
});

test("reports an invalid result of respond, and sends the default response", () => {
  const refusal = { decision: "deny", by: "rule", rule: "internal" } as const;
  for (const respond of [
    () => new Response("no", { status: 418 }),
    async () => ({ status: 404 }),
    () => ({ status: "404" }),
    () => ({ status: 101 }),
    () => ({ status: 404, body: { error: "no" } }),
    () => null,
  ]) {
    const { errors, gate: own } = gateWithErrors({ pack: PATHS, fail: "open", respond: respond as never });
    assert.equal(own.answer(refusal).status, 403);
    assert.deepEqual(errors.length, 1);
  }
  for (const [given, headers] of [
    [undefined, {}],
    [new Headers({ location: "/login" }), { location: "/login" }],
  ] as const) {
    const respond = () => ({ status: 302, headers: given as never });
    const { gate: own, errors } = gateWithErrors({ pack: PATHS, fail: "open", respond });
    assert.deepEqual([own.answer(refusal), errors], [{ status: 302, headers, body: "" }, []]);
  }
});

describe("gate with a watchlist", () => {
  /** Creates a gate with a watchlist and its own clock. */
  async function watching(t: TestContext, fail: "open" | "closed" = "closed") {
    const server = await listServer(t);
    const clock = { now: Date.UTC(2026, 10, 20, 6) };
    const errors: string[] = [];
    const own = gateAt(() => clock.now, {
      pack: PATHS,
      fail,
      watchlist: { url: server.url, key: [OTHER.vkey.replace("watch", "old"), WATCH.vkey].slice(1) },
      onError: ({ code }) => errors.push(code),
    });
    const list = (sequence: number, actors: readonly string[], more: Parameters<typeof watchlist>[2] = {}) =>
      watchlist(
        sequence,
        actors.map((value) => ({ kind: "actor" as const, value })),
        { made: clock.now, ...more },
      );
    /** Decides, and waits for the work after the response. */
    const decide = async (event: AuditEvent): Promise<Decision> => {
      const after: Promise<unknown>[] = [];
      const decision = await own.decide(event, { waitUntil: (work) => after.push(work) });
      await Promise.all(after);
      return decision;
    };
    return { server, clock, errors, gate: own, list, decide };
  }

  test("refuses listed identities, and names the finding", async (t) => {
    const { server, gate: own, list, clock, errors } = await watching(t);
    server.note = list(1, ["u_1"]);
    assert.deepEqual(await own.decide(from("u_1")), {
      decision: "deny",
      by: "watchlist",
      rule: "failed-logins",
      pack: PACK,
      finding: FINDING,
      until: new Date(clock.now + 3_600_000),
    });
    assert.equal(await of(own, from("u_2")), "allow");
    const { watchlist: held } = own.status();
    assert.deepEqual([held?.sequence, held?.entries], [1, 1]);
    assert.deepEqual([errors, server.asked], [[], 1]);
  });

  test("fetches the next list after half of its validity, while the current one applies", async (t) => {
    const { server, clock, gate: own, list, decide } = await watching(t);
    server.note = list(1, ["u_1"]);
    await own.ready();
    clock.now += 149_000;
    await decide(from("u_1"));
    assert.equal(server.asked, 1, "the list is new enough");
    clock.now += 1_000;
    server.note = list(2, ["u_2"]);
    assert.equal((await decide(from("u_2"))).decision, "allow", "requests do not wait for the new list");
    assert.deepEqual(
      [await of(own, from("u_2")), await of(own, from("u_1"))],
      ["deny by watchlist failed-logins", "allow"],
    );
    assert.equal(server.asked, 2);
  });

  test("makes requests wait for a new list after maxAgeMs", async (t) => {
    const { server, clock, list, gate: patient } = await watching(t);
    const own = gateAt(() => clock.now, {
      pack: PATHS,
      fail: "closed",
      watchlist: { url: server.url, key: WATCH.vkey, maxAgeMs: 2_000 },
      onError: () => {},
    });
    server.note = list(1, []);
    await Promise.all([own.ready(), patient.ready()]);
    server.note = list(2, ["u_1"]);
    clock.now += 1_999;
    assert.equal(await of(own, from("u_1")), "allow");
    clock.now += 1;
    assert.equal(await of(own, from("u_1")), "deny by watchlist failed-logins");
    assert.equal(await of(patient, from("u_1")), "allow", "no other request waits for a fetch");
    // Without a newer list, the current one stays valid.
    server.status = 503;
    clock.now += 2_000;
    assert.equal(await of(own, from("u_1")), "deny by watchlist failed-logins");
    assert.equal(server.asked, 4);
  });

  for (const [fail, decided] of [
    ["open", "allow"],
    ["closed", "deny by failure watchlist.unreachable"],
  ] as const) {
    test(`without a valid list, fails ${fail}`, async (t) => {
      const { server, clock, errors, gate: own, list } = await watching(t, fail);
      server.status = 503;
      assert.equal(await of(own, from("u_2")), decided);
      assert.equal(await of(own, request("/internal")), "deny by rule internal");
      assert.equal(await of(own, request("/healthz")), "allow", "a rule exempts this request");
      assert.ok(errors.includes("watchlist.unreachable"));
      assert.equal(server.asked, 1, "not every request fetches the list");
      clock.now += 1_000;
      Object.assign(server, { status: 200, note: list(1, ["u_1"]) });
      assert.equal(await of(own, from("u_1")), "deny by watchlist failed-logins");
      assert.equal(own.status().lastError?.code === "watchlist.unreachable", false);
      // The list expires.
      server.status = 503;
      clock.now += 300_000;
      assert.equal(await of(own, from("u_1")), decided);
    });
  }

  test("rejects lists with a wrong signature and older lists", async (t) => {
    const { server, clock, errors, gate: own, list, decide } = await watching(t);
    server.note = list(5, ["u_1"]);
    await own.ready();
    const good = server.note;
    for (const [note, code] of [
      [list(6, [], { by: OTHER }), "signature.invalid"],
      [good.replace(/^5 /m, "6 "), "signature.invalid"],
      [list(4, []), "watchlist.invalid"],
      [list(5, []), "watchlist.invalid"],
      [list(6, [], { origin: "log.example/other" }), "watchlist.invalid"],
      [WATCH.note("countersign/v1 watchlist\n"), "watchlist.invalid"],
      ["<html>", "note.invalid"],
    ] as const) {
      errors.length = 0;
      server.note = note;
      clock.now = Date.UTC(2026, 10, 20, 6, 3) + server.asked * 2_000;
      await decide(from("u_2"));
      assert.deepEqual(errors, [code]);
      assert.equal(await of(own, from("u_1")), "deny by watchlist failed-logins", "the previous list still applies");
      assert.equal(own.status().watchlist?.sequence, 5);
    }
  });

  test("reports the system's error code if the list can't be fetched", async () => {
    const closed = createServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const { port } = closed.address() as AddressInfo;
    closed.close();
    await once(closed, "close");
    const url = `http://127.0.0.1:${port}/?secret`;
    const errors: CountersignError[] = [];
    const watchlist = { url, key: WATCH.vkey };
    const own = gate({ pack: PATHS, fail: "open", watchlist, onError: (error) => errors.push(error) });
    await own.ready();
    assert.match(errors[0]?.message ?? "", /\(ECONNREFUSED\)$/);
    assert.doesNotMatch(errors[0]?.message ?? "", /secret/);
  });

  test("delays requests by at most maxWaitMs", async (t) => {
    const { server } = await watching(t);
    const own = gate({
      pack: PATHS,
      fail: "closed",
      watchlist: { url: server.url, key: WATCH.vkey, maxWaitMs: 20, fetch: () => new Promise(() => {}) },
      onError: () => {},
    });
    assert.equal(await of(own, from("u_1")), "deny by failure watchlist.stale");
  });

  test("gives up on a slow server", async (t) => {
    const timeout = t.mock.method(AbortSignal, "timeout", () => AbortSignal.abort());
    const { gate: own, errors } = gateWithErrors({
      pack: PATHS,
      fail: "closed",
      watchlist: { ...THERE, fetch: async (_url, init) => Promise.reject(init?.signal?.reason) },
    });
    await own.ready();
    assert.deepEqual(timeout.mock.calls[0]?.arguments, [10_000]);
    assert.deepEqual(errors, ["watchlist.unreachable"]);
  });
});

describe("a challenge", () => {
  const RULES = pack({
    pay: ["challenge", { condition: "it", it: { action: "pay" } }],
    bad: ["deny", { condition: "it", it: { "actor.id": "bad" } }],
  });
  const pay = (id: string): EventToBe => ({ action: "pay", actor: { id } });

  test("doesn't hide the denial of the other event, in either order", async () => {
    const own = gate({ pack: RULES, fail: "closed" });
    await own.ready();
    for (const [first, second] of [
      ["u_1", "bad"],
      ["bad", "u_1"],
    ] as const) {
      const decision = (await own.decide(pay(first), {}, pay(second))) as Refusal;
      assert.deepEqual([decision.decision, decision.rule], ["deny", "bad"]);
    }
    const { decision } = await own.decide(pay("u_1"), {}, { action: "read", actor: { id: "u_1" } });
    assert.equal(decision, "challenge");
  });

  test("doesn't hide input that can't be judged, or a missing watchlist", async () => {
    const unserved = { ...THERE, fetch: async () => new Response("", { status: 503 }) };
    for (const [fail, decision, approved] of [
      ["closed", "deny", "deny"],
      ["open", "challenge", "allow"],
    ] as const) {
      const own = gate({ pack: RULES, fail, watchlist: unserved, onError: () => {} });
      assert.equal((await own.decide(pay("u_1"))).decision, decision);
      assert.equal((await own.decide(pay("u_1"), { approved: true })).decision, approved);
      assert.equal((await own.decide(pay(7 as never))).decision, "deny");
    }
  });

  test("isn't counted, unless it is approved, and doesn't hide a limit", async () => {
    const limits = [{ ...OFTEN, max: 2 }];
    const own = gateAt(() => 0, { pack: RULES, fail: "closed", limits });
    await own.ready();
    const decide = (approved?: boolean) => (own.decide(pay("u_1"), { approved }) as Decision).decision;
    assert.deepEqual([decide(), decide(), decide()], ["challenge", "challenge", "challenge"]);
    assert.deepEqual([decide(true), decide(), decide(true)], ["allow", "challenge", "allow"]);
    assert.deepEqual([decide(), decide(true)], ["deny", "deny"], "two were counted");
    const denied = own.decide(pay("bad"), { approved: true }) as Refusal;
    assert.deepEqual([denied.decision, denied.rule], ["deny", "bad"]);
  });

  test("of a limit hides no later limit, and leaves no count of an earlier one", async () => {
    const asks = { ...OFTEN, name: "asks", max: 1, decision: "challenge" as const };
    const before = { ...OFTEN, name: "before", max: 3 };
    const after = { ...OFTEN, name: "after", max: 3 };
    const own = gateAt(() => 0, { pack: RULES, fail: "closed", limits: [before, asks, after] });
    await own.ready();
    const decide = (approved = false) => (own.decide(from("u_1"), { approved }) as Decision).decision;
    assert.deepEqual([decide(), decide(), decide(), decide()], ["allow", "challenge", "challenge", "challenge"]);
    assert.deepEqual([decide(true), decide(true)], ["allow", "allow"]);
    assert.equal(decide(), "deny", "three were counted");
  });

  test("asks a limit's object without counting", async () => {
    const asked: unknown[] = [];
    const fetch = async (_url: string, { body }: { body: string }) => {
      asked.push(JSON.parse(body).isCounted);
      return Response.json({ isAllowed: true, until: 0 });
    };
    const objects = { idFromName: (name: string) => name, get: () => ({ fetch }) };
    const own = gate({ pack: RULES, fail: "closed", limits: [{ ...OFTEN, in: objects as never }] });
    assert.equal((await own.decide(pay("u_1"))).decision, "challenge");
    assert.equal((await own.decide(pay("u_1"), { approved: true })).decision, "allow");
    assert.deepEqual(asked, [false, true]);
  });
});

describe("gate with limits", () => {
  test("counts in memory per process, and reports that", async () => {
    const clock = { now: 0 };
    const own = gateAt(() => clock.now, {
      pack: PATHS,
      fail: "open",
      limits: [{ name: "often", by: "actor", max: 3, windowMs: 1_000 }],
    });
    assert.deepEqual(own.status().limits, [{ name: "often", counts: "best-effort" }]);
    const at = async (now: number, actor = "u_1") => {
      clock.now = now;
      return of(own, from(actor));
    };
    assert.deepEqual(
      [await at(0), await at(10), await at(20), await at(1_000)],
      ["allow", "allow", "allow", "deny by limit often"],
    );
    assert.equal(await at(1_000, "u_2"), "allow");
    assert.equal(await at(1_001), "allow", "the first hit has expired");
    assert.equal(await at(1_002), "deny by limit often", "allowed hits count, refused ones do not");
    const refused = (await own.decide(from("u_1"))) as never;
    const { status, headers } = own.answer(refused);
    assert.deepEqual([status, headers["retry-after"]], [429, "1"]);
    assert.equal(await of(own, request("/jobs")), "allow", "there is no key to count by");
  });

  test("counts in memory if the binding is missing, and reports that immediately", async () => {
    const errors: CountersignError[] = [];
    const limits = [
      { ...OFTEN, in: undefined },
      { ...OFTEN, name: "logins", in: undefined },
      { ...OFTEN, name: "here" },
    ];
    const own = gate({ pack: PATHS, fail: "closed", limits, onError: (error) => errors.push(error) });
    const [{ code, member, message, hint = "" }, ...others] = errors as [CountersignError];
    assert.deepEqual([code, member, others], ["options.invalid", "limits.in", []]);
    assert.match(message, /per isolate: often, logins$/);
    assert.match(hint, /"class_name": "GateLimits"/);
    assert.equal(own.status().lastError, errors[0]);
    assert.deepEqual([await of(own, from("u_1")), await of(own, from("u_1"))], ["allow", "deny by limit often"]);
    assert.equal(errors.length, 1);
  });

  test("counts while the gate fails open for another reason", async () => {
    const object = {
      idFromName: (name: string) => name,
      get: () => ({ fetch: async () => new Response("", { status: 500 }) }),
    };
    const limits = [OFTEN];
    const unserved = { ...THERE, fetch: async () => new Response("", { status: 503 }) };
    for (const options of [
      { pack: PATHS, limits, watchlist: unserved },
      { pack: "{", limits },
      { pack: PATHS, limits: [{ ...OFTEN, name: "exactly", in: object }, OFTEN] },
      { pack: PATHS, limits: [{ ...OFTEN, name: "own", by: () => assert.fail("it threw") }, OFTEN] },
      { pack: PATHS, limits: [{ ...OFTEN, name: "later", by: (async () => "u_1") as never }, OFTEN] },
    ]) {
      const { errors, gate: own } = gateWithErrors({ ...options, fail: "open" });
      assert.deepEqual([await of(own, from("u_1")), await of(own, from("u_1"))], ["allow", "deny by limit often"]);
      assert.notDeepEqual(errors, []);
    }
  });

  test("fails as configured if the Durable Object doesn't respond", async () => {
    for (const [fail, decided, answer] of [
      ["open", "allow", { status: 500 }],
      ["closed", "deny by failure gate.failed", { status: 500 }],
      ["open", "allow", { status: 200 }],
      ["closed", "deny by failure gate.failed", { status: 200 }],
    ] as const) {
      const fetch = async () => new Response("null", answer);
      const objects = { idFromName: (name: string) => name, get: () => ({ fetch }) };
      const { gate: own } = gateWithErrors({
        pack: PATHS,
        fail,
        limits: [{ name: "a", by: "actor", max: 1, windowMs: 1, in: objects }],
      });
      assert.equal(await of(own, from("u_1")), decided);
    }
  });
});
