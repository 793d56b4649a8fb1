import assert from "node:assert/strict";
import { test } from "node:test";
import { CountersignError } from "../../dist/error.js";
import { toJson } from "../../dist/record/serialize.js";

const refusal = (event: unknown) => {
  try {
    toJson(event);
  } catch (error) {
    assert.ok(error instanceof CountersignError);
    assert.equal(error.code, "event.invalid");
    return error.member;
  }
  return assert.fail("it was accepted");
};

test("writes what JSON.stringify writes without loss", () => {
  const when = new Date(0);
  const event = {
    when,
    gone: undefined,
    list: [1, null, [true, "x"]],
    own: { toJSON: () => ({ a: 1 }) },
    n: new Number(1),
  };
  assert.equal(toJson(event), JSON.stringify(event));
  assert.equal(toJson(Object.create(null)), "{}");
});

test("refuses what JSON.stringify would change, and names the member", () => {
  for (const value of [
    Number.NaN,
    Number.POSITIVE_INFINITY,
    new Number(Number.NaN),
    1n,
    () => 1,
    Symbol("s"),
    new Map(),
    new Set(),
    /x/,
    new Error("x"),
    Promise.resolve(),
    new Uint8Array(1),
    new DataView(new ArrayBuffer(1)),
    new ArrayBuffer(1),
    new Date(Number.NaN),
    [undefined],
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is tested
    [1, , 2],
  ]) {
    assert.equal(refusal({ outer: { inner: value } }), "inner");
    assert.equal(refusal({ outer: { inner: [[value]] } }), "inner");
  }
});

test("takes what only seems to be more than data", () => {
  class Own {
    id = "u_1";
    hidden?: string = undefined as never;
  }
  const inherited = Object.create({ from: "its prototype" }, { a: { value: 1, enumerable: true } });
  const unnamed = Object.defineProperty({ a: 1, [Symbol("s")]: 2 }, "b", { value: () => 1, enumerable: false });
  const deep = JSON.parse(`${'{"a":['.repeat(30)}1${"]}".repeat(30)}`);
  const computed = {
    get a() {
      return 1;
    },
  };
  for (const value of [new Own(), inherited, unnamed, deep, computed, Object("text"), Object(true), -0, "\ud800"]) {
    const event = { value, list: [value] };
    assert.equal(toJson(event), JSON.stringify(event));
  }
});

test("looks at the members of what is not plain too", () => {
  class Own {
    inner: unknown = Number.NaN;
  }
  assert.equal(refusal({ outer: new Own() }), "inner");
  assert.equal(refusal({ outer: { toJSON: () => ({ inner: 1n }) } }), "inner");
  const list = Object.assign([1], { toJSON: () => [Number.NaN] });
  assert.equal(refusal({ outer: list }), "outer");
});

test("refuses what has no text", () => {
  for (const event of [undefined, () => 1, Symbol("s"), 1n, { toJSON: () => undefined }]) {
    assert.equal(refusal(event), undefined);
  }
});

const why = (event: unknown, message: RegExp, member: string | undefined) =>
  assert.throws(
    () => toJson(event),
    (error) => {
      assert.ok(error instanceof CountersignError);
      assert.deepEqual([error.code, error.member], ["event.invalid", member]);
      assert.match(error.message, message);
      assert.ok(error.hint);
      return true;
    },
  );

test("refuses a cycle and depth, each by what it is", () => {
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  why(cycle, /a cycle/, "self");
  why({ list: [[cycle]] }, /a cycle/, "self");
  const shared = { a: 1 };
  assert.equal(toJson({ x: [shared, shared], y: 1n < 2n, z: new Date(0) }).length > 0, true);
  for (const levels of [63, 100_000]) {
    let deep: unknown = 1;
    for (let level = 0; level < levels; level++) {
      deep = [deep];
    }
    if (levels < 64) {
      assert.equal(toJson({ deep }), JSON.stringify({ deep }));
    } else {
      why({ deep }, /deeper than 64 levels/, "deep");
    }
  }
});

test("says of what throws that it throws, and where", () => {
  const cause = new Error("mine");
  const fail = () => {
    throw cause;
  };
  const getter = Object.defineProperty({}, "bad", { enumerable: true, get: fail });
  why({ metadata: getter }, /throws when it is read/, "bad");
  for (const trap of ["get", "ownKeys", "getPrototypeOf", "getOwnPropertyDescriptor"] as const) {
    why({ metadata: new Proxy({ a: 1 }, { [trap]: fail }) }, /throws when it is read/, "metadata");
  }
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  why({ metadata: [proxy] }, /throws when it is read/, "metadata");
  assert.throws(() => toJson({ metadata: getter }), { cause });
});

test("refuses what JSON would show as empty, and says how to record it", () => {
  class Empty {
    readonly #hidden = 1;
    get hidden() {
      return this.#hidden;
    }
  }
  const opaque = [
    new Headers({ a: "b" }),
    new URLSearchParams("a=b"),
    new FormData(),
    new Request("http://a"),
    new Empty(),
  ];
  for (const value of [
    ...opaque,
    new Map([["a", 1]]),
    Object.assign(new Error("x"), { code: 1 }),
    new Float64Array(2),
  ]) {
    why({ metadata: { value } }, new RegExp(`a ${value.constructor.name}, which JSON has no form for`), "value");
  }
  assert.throws(() => toJson({ headers: new Headers() }), { hint: /Object\.fromEntries/ });
  const url = new URL("http://a/");
  assert.equal(toJson({ url }), JSON.stringify({ url }));
});

test("writes what it looked at, though it be another the next time", () => {
  let reads = 0;
  const fickle = {
    list: [new Date(0)],
    get n() {
      reads++;
      return reads === 1 ? 1 : Number.NaN;
    },
  };
  assert.equal(toJson({ fickle }), '{"fickle":{"list":["1970-01-01T00:00:00.000Z"],"n":1}}');
  assert.equal(toJson(JSON.parse('{"when":1,"__proto__":{"a":1}}')), '{"when":1,"__proto__":{"a":1}}');
  const own = Object.assign(JSON.parse('{"__proto__":{"a":1}}'), { when: new Date(0) });
  assert.equal(toJson(own), '{"__proto__":{"a":1},"when":"1970-01-01T00:00:00.000Z"}');
});

test("gives up on what has no end", () => {
  const endless: object = new Proxy(
    {},
    {
      ownKeys: () => ["a", "b"],
      getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
      get: (_, name) => (typeof name === "string" && name.length === 1 ? endless : undefined),
      has: () => false,
    },
  );
  refusal({ endless });
});

test("passes on what a toJSON throws as the cause", () => {
  const cause = new Error("mine");
  const throwing = {
    toJSON() {
      throw cause;
    },
  };
  assert.throws(() => toJson({ throwing }), { code: "event.invalid", cause });
});
