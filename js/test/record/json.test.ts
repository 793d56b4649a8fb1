import assert from "node:assert/strict";
import { test } from "node:test";
import { CountersignError } from "../../dist/error.js";
import { toJson } from "../../dist/record/json.js";

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
  const deep = JSON.parse(`${'{"a":['.repeat(200)}1${"]}".repeat(200)}`);
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

test("refuses a cycle and hopeless depth", () => {
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  refusal(cycle);
  let deep: unknown = 1;
  for (let level = 0; level < 100_000; level++) {
    deep = [deep];
  }
  refusal({ deep });
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
