import assert from "node:assert/strict";
import { test } from "node:test";
import { Memory } from "../../src/state/memory.ts";

const ROOT = Buffer.alloc(32, 1).toString("base64");
const pin = (origin: string, size: number, root = ROOT) =>
  `${origin}\n${size}\n${root}\n\n— ${origin} AAAA\n`;
const DAY = new Date("2026-11-03T10:00:00.000Z");

/** A browser's storage. */
function storage(most = Number.POSITIVE_INFINITY): Pick<Storage, "getItem" | "setItem" | "removeItem"> {
  const kept = new Map<string, string>();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => {
      if (value.length > most) throw new DOMException("full", "QuotaExceededError");
      kept.set(key, value);
    },
    removeItem: (key) => kept.delete(key),
  };
}

test("Memory: remembers the last state of a log until it is forgotten", () => {
  const shared = storage();
  const memory = new Memory(shared);
  assert.ok(memory.keep(pin("log.example/a", 8), DAY));
  assert.ok(memory.keep(pin("log.example/b", 3), DAY));
  assert.ok(memory.keep(pin("log.example/a", 12), new Date(DAY.getTime() + 1000)));
  const again = new Memory(shared);
  assert.deepEqual(
    again.list().map(({ origin, size, when }) => [origin, size, when]),
    [
      ["log.example/a", 12, "2026-11-03T10:00:01.000Z"],
      ["log.example/b", 3, "2026-11-03T10:00:00.000Z"],
    ],
  );
  assert.equal(again.of("log.example/a")?.pin, pin("log.example/a", 12));
  again.forget("log.example/a");
  assert.equal(memory.of("log.example/a"), undefined);
  memory.forgetAll();
  assert.deepEqual(again.list(), []);
});

test("Memory: keeps the later state that another tab remembered", () => {
  const origin = "log.example/audit/t/8f000000000000000000000000000001";
  const head = (tick: number, size: number) =>
    `countersign/v1 head\n${origin}\n${size}\n${ROOT}\nlive\n\nc2sp.org/tlog-proof@v1\nindex ${tick}\n\n`;
  const shared = storage();
  const [one, other] = [new Memory(shared), new Memory(shared)];
  for (const [memory, state, isKept] of [
    [one, head(2595, 1015), true],
    [other, head(2601, 1015), true],
    [one, head(2598, 1015), false],
    [one, head(2601, 1015), true],
    // Between a head and a checkpoint, the size decides.
    [one, pin(origin, 1014), false],
    [one, pin(origin, 1016), true],
    [other, head(2700, 1015), false],
    [other, pin(origin, 1015), false],
    [other, pin(origin, 1016), true],
  ] as const) {
    assert.equal(memory.keep(state, DAY), isKept, state);
    assert.equal(memory.of(origin)?.pin === state, isKept);
  }
});

test("Memory: forgets everything when turned off", () => {
  const shared = storage();
  const memory = new Memory(shared);
  memory.keep(pin("log.example/a", 8), DAY);
  memory.turn(false);
  assert.equal(memory.keep(pin("log.example/a", 8), DAY), false);
  assert.deepEqual(new Memory(shared).list(), []);
  assert.equal(new Memory(shared).isOn, false);
  memory.turn(true);
  assert.deepEqual(memory.list(), []);
  assert.ok(memory.keep(pin("log.example/a", 8), DAY));
});

test("Memory: keeps nothing and throws nothing without storage or room", () => {
  const without = new Memory(undefined);
  assert.equal(without.works, false);
  assert.equal(without.keep(pin("log.example/a", 8), DAY), false);
  without.turn(true);
  assert.deepEqual(without.list(), []);
  const full = new Memory(storage(10));
  assert.equal(full.keep(pin("log.example/a", 8), DAY), false);
  assert.deepEqual(full.list(), []);
});

test("Memory: ignores invalid data in the storage", () => {
  const shared = storage();
  const entry = {
    origin: "log.example/honest",
    size: 99,
    pin: pin("log.example/a", 8),
    when: DAY.toISOString(),
  };
  const bad = [
    null,
    7,
    {},
    { ...entry, pin: "x" },
    { ...entry, when: "soon" },
    { ...entry, pin: pin("", 8) },
  ];
  shared.setItem("countersign.seen/v1", JSON.stringify([...bad, { ...entry, __proto__: { size: 1 } }]));
  // The checkpoint determines its log, not the other stored data.
  assert.deepEqual(
    new Memory(shared).list().map(({ origin, size }) => [origin, size]),
    [["log.example/a", 8]],
  );
  for (const text of ["{", '"x"', "[[]]"]) {
    shared.setItem("countersign.seen/v1", text);
    assert.deepEqual(new Memory(shared).list(), []);
  }
});

test("Memory: keeps a maximum number of logs, those seen last", () => {
  const memory = new Memory(storage());
  for (let log = 0; log < 205; log += 1) memory.keep(pin(`log.example/${log}`, 1), DAY);
  const origins = memory.list().map(({ origin }) => origin);
  assert.equal(origins.length, 200);
  assert.equal(origins[0], "log.example/204");
  assert.equal(origins.at(-1), "log.example/5");
});
