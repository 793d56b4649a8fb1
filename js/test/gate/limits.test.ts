/** Tests that a limit never lets a key exceed it, however many other keys there are. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { GateLimits } from "countersign/cloudflare";
import { type CountersignError, type EventToBe, type Gate, gate, type Limit } from "countersign/gate";
import { artifact } from "../../packages/countersign/dist/artifact/gate.js";
import { gating } from "../../packages/countersign/dist/gate/gate.js";
import { HitTable } from "../../packages/countersign/dist/gate/hit-table.js";
import { networksOf } from "../../packages/countersign/dist/gate/network.js";
import { PATHS } from "./packs.ts";
import { randomFrom } from "./random.ts";

const HOUR_MS = 3_600_000;
const MAX_KEYS = 10_000;

/** Returns a function that tells whether a request from an address is allowed, at a time in milliseconds. */
async function limited(limit: Partial<Limit>) {
  const clock = { now: 0 };
  const limits = [{ name: "often", by: "address", max: 3, windowMs: HOUR_MS, ...limit } as Limit];
  const own: Gate = gating(artifact, () => clock.now)({ pack: PATHS, fail: "closed", limits });
  await own.ready();
  return async (ip: string, now = clock.now) => {
    clock.now = now;
    return (await own.decide({ action: "http.request", context: { ip } })).decision === "allow";
  };
}

describe("a full table", () => {
  test("remembers a key that is at its limit", async () => {
    const isAllowed = await limited({});
    const first = [];
    for (let nth = 0; nth < 4; nth++) {
      first.push(await isAllowed("203.0.113.5"));
    }
    assert.deepEqual(first, [true, true, true, false]);
    for (let nth = 0; nth < 3 * MAX_KEYS; nth++) {
      await isAllowed(`2001:db8:${(nth >> 8).toString(16)}:${(nth & 255).toString(16)}::1`);
    }
    assert.equal(await isAllowed("203.0.113.5"), false);
    assert.equal(await isAllowed("203.0.113.5", HOUR_MS + 1), true, "its window is over");
  });

  test("makes new keys share one limit, until others are over", async () => {
    const isAllowed = await limited({});
    for (let nth = 0; nth < MAX_KEYS; nth++) {
      assert.ok(await isAllowed(`10.${nth >> 16}.${(nth >> 8) & 255}.${nth & 255}`));
    }
    const shared = [];
    for (const last of [1, 2, 3, 4]) {
      shared.push(await isAllowed(`192.0.2.${last}`));
    }
    assert.deepEqual(shared, [true, true, true, false]);
    assert.ok(await isAllowed("10.0.0.7"), "known keys have their own");
    assert.ok(await isAllowed("192.0.2.5", HOUR_MS + 1));
  });

  test("never lets a key exceed its limit in any window, with random keys and times", () => {
    const [max, windowMs] = [4, 1_000];
    const table = new HitTable(windowMs);
    const allowed = new Map<string, number[]>();
    const random = randomFrom(7);
    let now = 0;
    for (let nth = 0; nth < 200_000; nth++) {
      now += random(20) === 0 ? 1 : 0;
      now += random(50_000) === 0 ? windowMs : 0;
      const key = random(3) === 0 ? `few ${random(50)}` : `many ${random(60_000)}`;
      if (table.refusal(key, max, now) === undefined) {
        table.add(key, max, now);
        const times = allowed.get(key) ?? [];
        allowed.set(key, times);
        times.push(now);
        const before = times.at(-1 - max);
        assert.ok(before === undefined || before < now - windowMs, `${key} at ${now}`);
      }
    }
    assert.ok(allowed.size > MAX_KEYS, "the table was full");
  });
});

/** Bytes of the heap and of buffers, after garbage was collected. */
function usedBytes(): number {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  return process.memoryUsage().heapUsed;
}

describe("several limits", () => {
  const LIMITS = [
    { name: "tenant", by: "tenant", max: 3, windowMs: HOUR_MS },
    { name: "actor", by: "actor", max: 1, windowMs: HOUR_MS },
  ] as const;
  const request = (id: string) => ({ action: "http.request", tenant: "t_1", actor: { id } });

  /** Counts in objects that are created as needed. */
  function objectsInMemory() {
    const objects = new Map<string, GateLimits>();
    const sql = { exec: () => ({ toArray: () => [] }) };
    const storage = { sql, getAlarm: async () => 1, setAlarm: async () => {}, deleteAll: async () => {} };
    const get = (name: string) => {
      const object = objects.get(name) ?? new GateLimits({ storage });
      objects.set(name, object);
      return { fetch: (url: string, init: RequestInit) => object.fetch(new Request(url, init)) };
    };
    return { idFromName: (name: string) => name, get };
  }

  test("don't count a request that a later one refuses", async () => {
    const long = "a".repeat(100);
    const challenge = [LIMITS[0], { ...LIMITS[1], decision: "challenge" as const }];
    const inObjects = (...names: string[]) =>
      LIMITS.map((limit) => (names.includes(limit.name) ? { ...limit, in: objectsInMemory() as never } : limit));
    for (const [limits, name, approved] of [
      [LIMITS, "a", false],
      [LIMITS, "a", true],
      [LIMITS, long, false],
      [challenge, "a", false],
      [challenge, long, false],
      [inObjects("tenant", "actor"), "a", false],
      [inObjects("tenant", "actor"), "a", true],
      [inObjects("tenant"), "a", false],
      [inObjects("actor"), "a", false],
    ] as const) {
      const own = gate({ pack: PATHS, fail: "closed", limits });
      await own.ready();
      const isAllowed = async (id: string) => (await own.decide(request(id), { approved })).decision === "allow";
      const together = await Promise.all(Array.from({ length: 4 }, () => isAllowed(name)));
      assert.equal(together.filter(Boolean).length, 1, "at the same time");
      assert.equal(await isAllowed(name), false);
      assert.deepEqual([await isAllowed("b"), await isAllowed("c"), await isAllowed("d")], [true, true, false]);
    }
  });

  test("don't count a request whose later limit fails", async () => {
    const failing = { ...LIMITS[1], by: ({ actor }: EventToBe) => (actor?.id === "bad" ? assert.fail() : actor?.id) };
    const own = gate({ pack: PATHS, fail: "closed", limits: [LIMITS[0], failing], onError: () => {} });
    const decisions = [];
    for (const id of ["bad", "bad", "bad", "a"]) {
      decisions.push((await own.decide(request(id))).decision);
    }
    assert.deepEqual(decisions, ["deny", "deny", "deny", "allow"]);
  });
});

describe("memory", () => {
  test("long keys are kept as hashes, and remain apart", async () => {
    const isAllowed = await limited({ by: ({ context }) => context?.ip, max: 1 });
    const long = (nth: number) => `${nth}`.padEnd(100_000, "x");
    const before = usedBytes();
    for (let nth = 0; nth < 300; nth++) {
      assert.ok(await isAllowed(long(nth)));
    }
    assert.ok(usedBytes() - before < 10_000_000, "the keys have 30 MB");
    assert.deepEqual([await isAllowed(long(1)), await isAllowed(`${long(1)}x`)], [false, true]);
  });

  test("a key of a hash's form isn't the hashed key", async () => {
    const isAllowed = await limited({ by: ({ context }) => context?.ip, max: 1 });
    const long = "a".repeat(65);
    const hash = createHash("sha256").update(long).digest("hex");
    assert.deepEqual(
      [await isAllowed(long), await isAllowed(`sha256 ${hash}`), await isAllowed(long)],
      [true, true, false],
    );
  });

  test("new keys refer to the shared hits instead of copying them", () => {
    const [max, windowMs] = [10_000, 60_000];
    const table = new HitTable(windowMs);
    const fill = (name: string, count: number, now: number) => {
      for (let nth = 0; nth < count; nth++) {
        assert.equal(table.refusal(`${name}${nth}`, max, now), undefined);
        table.add(`${name}${nth}`, max, now);
      }
    };
    fill("a", MAX_KEYS, 0);
    fill("b", max - 1, 50_000);
    const before = usedBytes();
    fill("c", 5_000, 60_001);
    assert.ok(usedBytes() - before < 10_000_000, "copies would have 400 MB");
    assert.deepEqual(table.refusal("c0", max, 60_001), { isAllowed: false, until: 110_001 });
    assert.equal(table.refusal("c0", max, 110_001), undefined, "the shared hits are over");
  });
});

describe("a Durable Object", () => {
  /** Decides with a limit in an object that fails in this way. */
  async function decided(fail: "open" | "closed", error: unknown) {
    const errors: CountersignError[] = [];
    const objects = { idFromName: (name: string) => name, get: () => ({ fetch: () => Promise.reject(error) }) };
    const limits = [{ name: "often", by: "actor", max: 1, windowMs: 1, in: objects as never }] as const;
    const own = gate({ pack: PATHS, fail, limits, onError: (one) => errors.push(one) });
    const decision = await own.decide({ action: "http.request", actor: { id: "u_1" } });
    return { own, decision, errors };
  }

  test("that is overloaded refuses, whether the gate fails open or closed", async () => {
    const overloaded = Object.assign(new Error("Durable Object is overloaded."), { overloaded: true });
    for (const error of [new DOMException("timed out", "TimeoutError"), overloaded]) {
      for (const fail of ["open", "closed"] as const) {
        const { own, decision, errors } = await decided(fail, error);
        assert.ok(decision.decision !== "allow");
        assert.deepEqual([decision.by, decision.rule, own.answer(decision).status], ["limit", "often", 429]);
        assert.deepEqual(
          errors.map(({ code, cause }) => [code, cause]),
          [["gate.failed", error]],
        );
      }
    }
  });

  test("says if there is room without counting a hit, and is deleted later", async () => {
    const hits: unknown[] = [];
    let alarm: number | null = null;
    const exec = (statement: string, at?: unknown) => {
      if (statement.startsWith("INSERT")) {
        hits.push(at);
      }
      return { toArray: () => [] };
    };
    const storage = {
      sql: { exec },
      getAlarm: async () => alarm,
      setAlarm: async (at: number) => {
        alarm = at;
      },
      deleteAll: async () => {},
    };
    const object = new GateLimits({ storage });
    const ask = async (isCounted: boolean) => {
      const body = JSON.stringify({ max: 1, windowMs: HOUR_MS, isCounted });
      const response = await object.fetch(new Request("https://limit.test", { method: "POST", body }));
      return ((await response.json()) as { isAllowed: boolean }).isAllowed;
    };
    assert.deepEqual([await ask(false), await ask(false), hits.length], [true, true, 0]);
    assert.ok(alarm !== null);
    assert.deepEqual([await ask(true), await ask(false), await ask(true), hits.length], [true, false, false, 1]);
  });

  test("that fails in another way is a failure of the gate, with a code that is text", async () => {
    const error = new DOMException("lost", "NetworkError");
    const { decision, errors } = await decided("open", error);
    assert.deepEqual([decision.decision, errors.map(({ code }) => code)], ["allow", ["gate.failed"]]);
    assert.equal((await decided("closed", error)).decision.decision, "deny");
  });
});

describe("IPv6", () => {
  test("counts an address by its /64", async () => {
    for (const [first, second, isOne] of [
      ["2001:db8::1", "2001:db8::2", true],
      ["2001:db8::1", "2001:0db8:0:0:ffff::", true],
      ["2001:db8:1:2:3:4:5:6", "2001:DB8:1:2::", true],
      ["fe80::1%eth0", "fe80::2", true],
      ["2001:db8:1:2::1", "2001:db8:1:3::1", false],
      ["::1", "2001:db8::1", false],
      ["192.0.2.1", "192.0.2.2", false],
      ["::ffff:192.0.2.1", "192.0.2.1", true],
      ["::ffff:c000:201", "192.0.2.1", true],
      ["::ffff:c000:201", "::ffff:c000:202", false],
      ["a:b:c:d:e:f:a:b:c::d", "no address", false],
    ] as const) {
      const isAllowed = await limited({ max: 1 });
      assert.deepEqual([await isAllowed(first), await isAllowed(second)], [true, !isOne], `${first} and ${second}`);
    }
  });

  test("lets all networks of a /48 together have 16 times as many", async () => {
    const isAllowed = await limited({ max: 2 });
    const from = async (site: string) => {
      let count = 0;
      for (let nth = 0; nth < 100; nth++) {
        count += (await isAllowed(`2001:db8:${site}:${nth.toString(16)}::1`)) ? 1 : 0;
      }
      return count;
    };
    assert.deepEqual([await from("a"), await from("b"), await from("a")], [32, 32, 0]);
  });

  test("asks the objects of the /64 and of the /48", async () => {
    const asked: unknown[] = [];
    const objects = {
      idFromName: (name: string) => name,
      get: (name: string) => ({
        fetch: async (_url: string, init: { body: string }) => {
          asked.push([name, JSON.parse(init.body).max]);
          return Response.json({ isAllowed: !name.endsWith("/48"), until: 0 });
        },
      }),
    };
    const limits = [{ name: "often", by: "address", max: 2, windowMs: 1_000, in: objects as never }] as const;
    const own = gate({ pack: PATHS, fail: "closed", limits });
    const { decision } = await own.decide({ action: "http.request", context: { ip: "2001:db8:1:2::1" } });
    assert.equal(decision, "deny");
    assert.deepEqual(asked, [
      ["often\n2001:db8:1:2::/64", 2],
      ["often\n2001:db8:1::/48", 32],
    ]);
  });

  test("networks have one name, however the address is written", () => {
    const names = (address: string) => networksOf(address).map(({ name }) => name);
    for (const written of ["64:ff9b::192.0.2.1", "64:ff9b::c000:201", "0064:FF9B:0:0:0:0:C000:0201"]) {
      assert.deepEqual(names(written), ["64:ff9b:0::/48", "64:ff9b:0:0::/64"]);
    }
    for (const none of ["", "1:2:3", "1::2::3", "12345::", "::g", "1.2.3.4", "unknown"]) {
      assert.deepEqual(names(none), [none]);
    }
  });
});
