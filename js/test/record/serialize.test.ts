import assert from "node:assert/strict";
import { test } from "node:test";
import { CountersignError } from "../../packages/countersign/dist/error.js";
import { toJson } from "../../packages/countersign/dist/record/serialize.js";

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

test("toJson: equals JSON.stringify where that is lossless", () => {
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

test("toJson: rejects values that aren't data, with the full path", () => {
  for (const value of [
    () => 1,
    Symbol("s"),
    Promise.resolve(),
    new WeakMap(),
    new Date(Number.NaN),
    2 ** 53,
    "\ud800",
  ]) {
    assert.equal(refusal({ outer: { inner: value } }), "outer.inner");
    assert.equal(refusal({ outer: { inner: [[value]] } }), "outer.inner.0.0");
    assert.equal(refusal({ outer: new Map([["inner", new Set([value])]]) }), "outer.inner.0");
  }
});

test("toJson: writes other values like pino, or losslessly", () => {
  const shared = { a: 1 };
  for (const [value, written] of [
    [1n, 1],
    [2n ** 60n, "1152921504606846976"],
    [Number.NaN, "NaN"],
    [Number.NEGATIVE_INFINITY, "-Infinity"],
    [
      new Map<unknown, unknown>([
        ["a", 1n],
        ["b", new Map([[1, 2]])],
      ]),
      { a: 1, b: { 1: 2 } },
    ],
    [new Map([[{ a: 1 }, 2]]), [[{ a: 1 }, 2]]],
    [
      new Map<unknown, unknown>([
        [1, "a"],
        ["1", "b"],
      ]),
      [
        [1, "a"],
        ["1", "b"],
      ],
    ],
    [new Set([1, "x", undefined]), [1, "x", null]],
    [/x/g, "/x/g"],
    [new URL("http://a/"), "http://a/"],
    [Buffer.from("ab"), { type: "Buffer", data: [97, 98] }],
    [new Uint8Array([1, 2]), { type: "Uint8Array", data: [1, 2] }],
    [new BigInt64Array([1n]), { type: "BigInt64Array", data: [1] }],
    [new DataView(new ArrayBuffer(1)), { type: "DataView", data: [0] }],
    [new ArrayBuffer(1), { type: "ArrayBuffer", data: [0] }],
    [new Headers([["a", "b"]]), { a: "b" }],
    [new URLSearchParams("a=b&a=c&d=e"), { a: ["b", "c"], d: "e" }],
    [
      [undefined, shared, shared],
      [null, shared, shared],
    ],
    [Object.assign(new Array(3), { 0: 1, 2: 2 }), [1, null, 2]],
  ] as const) {
    assert.deepEqual(JSON.parse(toJson({ outer: { value } })), { outer: { value: written } });
  }
});

test("toJson: writes errors with their causes", () => {
  const cause = Object.assign(new TypeError("inner"), { code: "E_INNER" });
  const error = Object.assign(new AggregateError([new Error("one")], "outer", { cause }), {
    status: 7,
    retry: () => 1,
  });
  const { stack, cause: within, errors, ...rest } = JSON.parse(toJson({ error })).error;
  assert.deepEqual(rest, { name: "AggregateError", message: "outer", status: 7 });
  assert.match(stack, /AggregateError: outer\n {4}at /);
  assert.deepEqual([within.name, within.message, within.code], ["TypeError", "inner", "E_INNER"]);
  assert.equal(errors[0].message, "one");
  // Other objects in a library's error are omitted, and its own `toJSON` takes precedence.
  const ofLibrary = Object.assign(new Error("x"), { socket: new EventTarget(), url: new URL("http://a/") });
  assert.deepEqual(Object.keys(JSON.parse(toJson({ error: ofLibrary })).error), ["name", "message", "stack", "url"]);
  const written = Object.assign(new Error("x"), { toJSON: () => ({ own: true }) });
  assert.equal(toJson({ error: written }), '{"error":{"own":true}}');
  // A long chain of causes is truncated.
  let last = new Error("0");
  for (let nth = 1; nth < 1_000; nth++) {
    last = new Error(`${nth}`.repeat(10_000), { cause: last });
  }
  last.stack = "x".repeat(100_000);
  assert.ok(toJson({ error: last }).length < 1_000_000);
  const own = new Error("own");
  own.cause = own;
  assert.equal(JSON.parse(toJson({ error: own })).error.cause, "[Circular]");
});

test("toJson: accepts unusual values that are plain data", () => {
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
  for (const value of [new Own(), inherited, unnamed, deep, computed, Object("text"), Object(true), -0]) {
    const event = { value, list: [value] };
    assert.equal(toJson(event), JSON.stringify(event));
  }
});

test("toJson: checks the fields of class instances", () => {
  class Own {
    inner: unknown = () => 1;
  }
  assert.equal(refusal({ outer: new Own() }), "outer.inner");
  assert.equal(refusal({ outer: { toJSON: () => ({ inner: Symbol("s") }) } }), "outer.inner");
  const list = Object.assign([1], { toJSON: () => [() => 1] });
  assert.equal(refusal({ outer: list }), "outer.0");
});

test("toJson: rejects lone surrogates", () => {
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

test("toJson: marks cycles and rejects deep nesting", () => {
  const cycle: { self?: unknown; list?: unknown } = {};
  cycle.self = cycle;
  cycle.list = [[cycle]];
  assert.equal(toJson(cycle), '{"self":"[Circular]","list":[["[Circular]"]]}');
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
      why({ deep }, /deeper than 64 levels/, `deep${".0".repeat(63)}`);
    }
  }
});

test("toJson: reports throwing getters with their path", () => {
  const cause = new Error("mine");
  const fail = () => {
    throw cause;
  };
  const getter = Object.defineProperty({}, "bad", { enumerable: true, get: fail });
  why({ metadata: getter }, /reading the value threw an error/, "metadata.bad");
  for (const trap of ["get", "ownKeys", "getPrototypeOf", "getOwnPropertyDescriptor"] as const) {
    why({ metadata: new Proxy({ a: 1 }, { [trap]: fail }) }, /reading the value threw an error/, "metadata");
  }
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  why({ metadata: [proxy] }, /reading the value threw an error/, "metadata.0");
  assert.throws(() => toJson({ metadata: getter }), { cause });
});

test("toJson: rejects objects that JSON would show as empty, with a hint", () => {
  class Empty {
    readonly #hidden = 1;
    get hidden() {
      return this.#hidden;
    }
  }
  for (const value of [new Request("http://a"), new Response("a"), new Blob(["a"]), new Empty()]) {
    why({ metadata: { value } }, new RegExp(`a ${value.constructor.name} has no JSON form`), "metadata.value");
  }
});

test("toJson: writes the values that it checked, even if they change", () => {
  let reads = 0;
  const fickle = {
    list: [new Date(0)],
    get n() {
      reads++;
      return reads === 1 ? 1 : Symbol("s");
    },
  };
  assert.equal(toJson({ fickle }), '{"fickle":{"list":["1970-01-01T00:00:00.000Z"],"n":1}}');
  assert.equal(toJson(JSON.parse('{"when":1,"__proto__":{"a":1}}')), '{"when":1,"__proto__":{"a":1}}');
  const own = Object.assign(JSON.parse('{"__proto__":{"a":1}}'), { when: new Date(0) });
  assert.equal(toJson(own), '{"__proto__":{"a":1},"when":"1970-01-01T00:00:00.000Z"}');
});

test("toJson: gives up on endless objects", () => {
  const endless = (): object =>
    new Proxy(
      {},
      {
        ownKeys: () => ["a", "b"],
        getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
        get: (_, name) => (typeof name === "string" && name.length === 1 ? endless() : undefined),
        has: () => false,
      },
    );
  refusal({ endless: endless() });
  let reported = 0;
  const json = toJson({ endless: endless() }, () => {
    reported++;
  });
  assert.ok(json.length < 10_000_000);
  assert.ok(reported > 1);
});

test("toJson: passes on errors of toJSON as the cause", () => {
  const cause = new Error("mine");
  const throwing = {
    toJSON() {
      throw cause;
    },
  };
  assert.throws(() => toJson({ throwing }), { code: "event.invalid", cause });
});
