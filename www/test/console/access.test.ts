/** Input that is stored in the tab: by path, for a limited time, and nothing malformed comes back. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { forget, forgetAll, handOver, keep, stored } from "../../console/access.ts";

const VKEY = "log.example/app+01234567+AZBkJ1Zz9u0Q2H6vPz3r0m0oH1bq8S9Vd4cK0l7s2w1x";
const INPUT = {
  token: "ct_reader",
  trust: {
    file: { name: "trust.txt", text: `emitter ${VKEY}\n` },
    keys: [{ kind: "emitter", vkey: VKEY }],
  },
} as const;

/** A browser's storage that lists its names like one. */
function shelf(): Record<string, unknown> {
  return Object.create({
    getItem(this: Record<string, string>, name: string) {
      return Object.hasOwn(this, name) ? this[name] : null;
    },
    setItem(this: Record<string, string>, name: string, text: string) {
      this[name] = text;
    },
    removeItem(this: Record<string, string>, name: string) {
      delete this[name];
    },
  }) as Record<string, unknown>;
}

let storage: Record<string, unknown>;
const at = (pathname: string) => Object.assign(globalThis, { location: { pathname } });

beforeEach(() => {
  storage = shelf();
  Object.defineProperty(globalThis, "sessionStorage", { value: storage, configurable: true });
  at("/");
});

test("access: returns what was stored, for the same page only", () => {
  assert.equal(stored(), undefined);
  assert.equal(keep(INPUT), true);
  assert.deepEqual(stored(), { ...INPUT, isKept: true });
  at("/other/");
  assert.equal(stored(), undefined);
  at("/");
  forget();
  assert.equal(stored(), undefined);
});

test("access: discards what is old, dated far in the future, or malformed", () => {
  keep(INPUT);
  const now = Date.now();
  assert.notEqual(stored(now + 11 * 60 * 60 * 1000), undefined);
  for (const hours of [13, -13]) assert.equal(stored(now + hours * 60 * 60 * 1000), undefined);
  const [name = ""] = Object.keys(storage);
  const keys = [
    null,
    { kind: "witness", vkey: VKEY },
    { kind: "log", vkey: "x" },
    { kind: "log", vkey: VKEY },
  ];
  storage[name] = JSON.stringify({ token: "t", keys, at: now });
  assert.deepEqual(stored(), {
    token: "t",
    trust: { file: undefined, keys: [{ kind: "log", vkey: VKEY }] },
    isKept: true,
  });
  for (const text of ["", "null", "[]", '{"token":1}', '{"token":"t"}', '{"token":"t","at":"now"}']) {
    storage[name] = text;
    assert.equal(stored(), undefined, text);
  }
});

test("access: hands over to one page, once", () => {
  handOver("/t/1/", { ...INPUT, isKept: false });
  at("/t/2/");
  assert.equal(stored(), undefined);
  handOver("/t/1/", { ...INPUT, isKept: false });
  at("/t/1/");
  assert.deepEqual(stored(), { ...INPUT, isKept: false });
  assert.equal(stored(), undefined);
});

test("access: says if the browser doesn't allow it, and signing out forgets all pages", () => {
  keep(INPUT);
  at("/t/1/");
  keep(INPUT);
  storage.another = "stays";
  forgetAll();
  assert.deepEqual(Object.keys(storage), ["another"]);
  Object.assign(Object.getPrototypeOf(storage), {
    setItem() {
      throw new DOMException("full", "QuotaExceededError");
    },
  });
  assert.equal(keep(INPUT), false);
  assert.equal(stored(), undefined);
});
