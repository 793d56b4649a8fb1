/** Tests the differences between two states of an object. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { change } from "../../packages/countersign/dist/change/change.js";
import { createTestRecorder } from "../../packages/countersign/dist/testing.js";

/** Compared as JSON, so that prototypes don't matter. */
const changed = (before: object | null | undefined, after: object | null | undefined) =>
  JSON.parse(JSON.stringify(change(before, after)));

test("change: returns only differing fields at any depth", () => {
  const before = { name: "nightly", retries: 3, owner: { id: "u_1", mail: "a@example.com" }, old: 1 };
  const after = { name: "nightly", retries: 5, owner: { id: "u_1", mail: "b@example.com" }, new: null };
  assert.deepEqual(changed(before, after), {
    before: { retries: 3, owner: { mail: "a@example.com" }, old: 1 },
    after: { retries: 5, owner: { mail: "b@example.com" }, new: null },
  });
  assert.deepEqual(change(before, structuredClone(before)), {});
  assert.deepEqual(changed({ a: 1 }, { a: 1, b: 2 }), { after: { b: 2 } });
  assert.deepEqual(changed({ a: 1, b: 2 }, { a: 1 }), { before: { b: 2 } });
  assert.deepEqual(changed({ a: { b: 1 } }, { a: "text" }), { before: { a: { b: 1 } }, after: { a: "text" } });
});

test("change: returns created and deleted objects whole", () => {
  for (const nothing of [null, undefined]) {
    assert.deepEqual(changed(nothing, { a: 1 }), { after: { a: 1 } });
    assert.deepEqual(changed({ a: 1 }, nothing), { before: { a: 1 } });
    assert.deepEqual(change(nothing, nothing), {});
  }
});

test("change: returns arrays whole", () => {
  const before = { tags: ["a", "b"], steps: [{ id: 1, run: "x" }, { id: 2 }] };
  const after = { tags: ["a", "b"], steps: [{ id: 1, run: "y" }, { id: 2 }] };
  assert.deepEqual(changed(before, after), { before: { steps: before.steps }, after: { steps: after.steps } });
});

test("change: compares values by their JSON form", () => {
  class Job {
    name = "nightly";
  }
  const at = new Date(0);
  const before = { at, job: new Job(), gone: undefined, none: Number.NaN, zero: 0 };
  const after = { at: at.toISOString(), job: { name: "nightly" }, none: Number.NaN, zero: -0 };
  assert.deepEqual(change(before, after), {});
  assert.deepEqual(changed({ at }, { at: new Date(1) }), {
    before: { at: "1970-01-01T00:00:00.000Z" },
    after: { at: "1970-01-01T00:00:00.001Z" },
  });
});

test("change: handles any field name", () => {
  const before = JSON.parse('{"__proto__":{"a":1},"constructor":1}');
  const after = JSON.parse('{"__proto__":{"a":2},"constructor":2}');
  assert.equal(JSON.stringify(change(before, after).after), '{"__proto__":{"a":2},"constructor":2}');
  assert.deepEqual(change({ a: {} }, { a: Object.create(null) }), {});
});

test("change: treats incomparable values as different", async () => {
  const audit = await createTestRecorder();
  for (const [before, after, ...recorded] of [
    [new Map([["a", 1]]), new Map([["a", 2]]), { a: 1 }, { a: 2 }],
    [new Uint8Array([1]), new Uint8Array([2]), { data: [1], type: "Uint8Array" }, { data: [2], type: "Uint8Array" }],
    [1n, 2n, 1, 2],
  ] as const) {
    audit.clear();
    audit.record({ action: "a.b", ...change({ value: before }, { value: after }) });
    const [event] = audit.events();
    assert.deepEqual([event?.before, event?.after], [{ value: recorded[0] }, { value: recorded[1] }]);
  }
});

test("change: returns oversized values whole, and record rejects invalid ones", async () => {
  const cycle = (): object => {
    const one: { again?: object } = {};
    one.again = one;
    return one;
  };
  const audit = await createTestRecorder();
  audit.record({ action: "a.b", ...change(cycle(), cycle()) });
  assert.match(JSON.stringify(audit.events()), /\[Circular\]/);
  const many = () => ({ same: 1, items: Array.from({ length: 300_000 }, (_, at) => ({ at })) });
  const whole = change(many(), many());
  assert.deepEqual([Object.keys(whole.before ?? {}), Object.keys(whole.after ?? {})], [["items"], ["items"]]);
  const throwing = {
    get name() {
      throw new Error("of the getter's");
    },
  };
  assert.throws(() => audit.record({ action: "a.b", ...change(throwing, {}) }), { member: "before.name" });
  assert.throws(() => audit.record({ action: "a.b", ...change([] as never, {}) }), { member: "before" });
  assert.throws(() => audit.record({ action: "a.b", ...change({}, "text" as never) }), { member: "after" });
});

test("change: its result can be recorded up to the maximum depth", async () => {
  const audit = await createTestRecorder();
  const deep = (value: number) => JSON.parse(`${'{"a":'.repeat(60)}${value}${"}".repeat(60)}`);
  audit.record({ action: "a.b", ...change(deep(1), deep(2)) });
  assert.equal(audit.events().length, 1);
});
