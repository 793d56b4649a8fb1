/** The contract of all outboxes, as cases that run in any environment and only need the language. */

import type { Entry, Outbox } from "../../packages/countersign/dist/outbox/outbox.js";

/** Creates outboxes on one storage. */
export type Storage = () => Outbox;

export interface Traits {
  /** True if several recorders may use it at once, each with its own part. */
  shared: boolean;
}

/** The cases, each on an empty storage. */
export const cases: Record<string, (storage: Storage, traits: Traits) => Promise<void>> = {
  "is empty at first": async (storage) => {
    const outbox = storage();
    equal(await contents(outbox), []);
    await outbox.close();
  },

  "keeps what is put, in the order of ids": async (storage) => {
    const outbox = storage();
    await outbox.open();
    await outbox.write({ put: [entry(5, "five"), entry(7, "seven")], remove: [] });
    await outbox.write({ put: [entry(10, "ten"), entry(9, "nine"), entry(100, "hundred")], remove: [] });
    await outbox.write({ put: [entry(1000, "")], remove: [] });
    await outbox.close();
    const again = storage();
    equal(texts(await again.open()), ["five", "seven", "nine", "ten", "hundred", ""]);
    await again.close();
  },

  "gives ids that can be removed, and above which others can follow": async (storage) => {
    const before = storage();
    await before.open();
    await before.write({ put: ["a", "b", "c"].map((text, nth) => entry(nth + 4, text)), remove: [] });
    await before.close();
    const outbox = storage();
    const [a, b, c] = await outbox.open();
    ok(a !== undefined && b !== undefined && c !== undefined && a.id < b.id && b.id < c.id);
    await outbox.write({ put: [entry(c.id + 1, "d")], remove: [b.id] });
    await outbox.write({ put: [entry(c.id + 2, "e")], remove: [a.id, c.id + 1] });
    await outbox.close();
    const again = storage();
    equal(texts(await again.open()), ["c", "e"]);
    await again.close();
  },

  "removes before it puts, and what is not there too": async (storage) => {
    const outbox = storage();
    await outbox.open();
    await outbox.write({ put: [], remove: [1, 2, 3] });
    await outbox.write({ put: [entry(1, "a"), entry(2, "b")], remove: [1] });
    await Promise.all([
      outbox.write({ put: [entry(3, "c")], remove: [2] }),
      outbox.write({ put: [entry(4, "d")], remove: [3] }),
      outbox.write({ put: [], remove: [4, 5] }),
    ]);
    await outbox.close();
    const again = storage();
    equal(texts(await again.open()), ["a"]);
    await again.close();
  },

  "replaces what is put again, as after a write of which nobody knows": async (storage) => {
    const outbox = storage();
    await outbox.open();
    await outbox.write({ put: [entry(1, "a"), entry(2, "b".repeat(2_100_000)), entry(3, "c")], remove: [] });
    await outbox.write({ put: [entry(1, "a"), entry(2, "short")], remove: [] });
    await outbox.close();
    const again = storage();
    equal(texts(await again.open()), ["a", "short", "c"]);
    await again.write({ put: [], remove: [1, 2, 3] });
    await again.close();
    equal(await contents(again), []);
    await again.close();
  },

  "keeps bytes of every value and many sizes": async (storage) => {
    const outbox = storage();
    await outbox.open();
    const sizes = [0, 1, 255, 4096, 65_535, 131_072, 131_073, 500_000, 2_100_000];
    const put = sizes.map((size, nth) => ({ id: nth + 1, bytes: pattern(size, nth) }));
    await outbox.write({ put, remove: [] });
    await outbox.close();
    const again = storage();
    const entries = await again.open();
    equal(
      entries.map(({ bytes }) => bytes.length),
      sizes,
    );
    for (const [nth, { bytes }] of entries.entries()) {
      ok(same(bytes, pattern(bytes.length, nth)), `${bytes.length} bytes`);
    }
    await again.write({ put: [], remove: entries.slice(1).map(({ id }) => id) });
    await again.close();
    const last = storage();
    equal((await last.open()).length, 1);
    await last.close();
  },

  "keeps the part that it was given of a larger buffer": async (storage) => {
    const outbox = storage();
    await outbox.open();
    const buffer = pattern(1000, 1);
    await outbox.write({ put: [{ id: 1, bytes: buffer.subarray(10, 13) }], remove: [] });
    await outbox.close();
    const again = storage();
    equal(
      (await again.open()).map(({ bytes }) => [...bytes]),
      [[...buffer.subarray(10, 13)]],
    );
    await again.close();
  },

  "keeps thousands of entries in one change, and as many changes": async (storage) => {
    const outbox = storage();
    await outbox.open();
    const many = Array.from({ length: 3000 }, (_, nth) => entry(nth + 1, `entry ${nth + 1}`));
    await outbox.write({ put: many.slice(0, 2000), remove: [] });
    await Promise.all(many.slice(2000).map((one) => outbox.write({ put: [one], remove: [one.id - 2000] })));
    await outbox.close();
    const again = storage();
    equal(texts(await again.open()), texts(many.slice(1000)));
    await again.close();
  },

  "is one recorder's at a time": async (storage, { shared }) => {
    const [one, other] = [storage(), storage()];
    await one.open();
    await one.write({ put: [entry(1, "of one")], remove: [] });
    await refused("outbox.in_use", () => one.open());
    if (shared) {
      equal(await contents(other), []);
      await other.close();
    } else {
      await refused("outbox.in_use", () => other.open());
    }
    await one.write({ put: [entry(2, "too")], remove: [] });
    await one.close();
    equal(await contents(other), ["of one", "too"]);
    await other.close();
    // The same outbox can be opened again.
    equal(await contents(one), ["of one", "too"]);
    await one.close();
  },

  "writes nothing before it is open, and nothing after it is closed": async (storage) => {
    const outbox = storage();
    await refused("outbox.failed", () => outbox.write({ put: [entry(1, "early")], remove: [] }));
    await outbox.open();
    const written = outbox.write({ put: [entry(1, "in time")], remove: [] });
    const closed = outbox.close();
    await refused("outbox.failed", () => outbox.write({ put: [entry(2, "late")], remove: [] }));
    await Promise.all([written, closed, outbox.close()]);
    equal(await contents(outbox), ["in time"]);
    await outbox.close();
  },

  "keeps values by name, apart from its entries": async (storage) => {
    const outbox = storage();
    if (outbox.values === undefined) {
      return;
    }
    const text = (bytes: Uint8Array | undefined) => bytes && new TextDecoder().decode(bytes);
    const bytesOf = (value: string) => new TextEncoder().encode(value);
    const names = ["", "a", "a/b", "../a", "\u00fc\n", "x".repeat(255)];
    await refused("outbox.failed", async () => outbox.values?.get("a"));
    await refused("outbox.failed", async () => outbox.values?.set("a", bytesOf("early")));
    await outbox.open();
    await outbox.write({ put: [entry(1, "an entry")], remove: [] });
    equal(
      names.map((name) => text(outbox.values?.get(name))),
      names.map(() => undefined),
    );
    for (const name of names) {
      await outbox.values.set(name, bytesOf(`first of ${name}`));
      await outbox.values.set(name, bytesOf(`value of ${name}`));
    }
    await outbox.values.set("empty", bytesOf(""));
    await outbox.values.set("large", pattern(100_000, 1));
    equal(text(outbox.values.get("a")), "value of a");
    await outbox.close();
    const again = storage();
    equal(texts(await again.open()), ["an entry"]);
    equal(
      names.map((name) => text(again.values?.get(name))),
      names.map((name) => `value of ${name}`),
    );
    equal([text(again.values?.get("empty")), again.values?.get("other")], ["", undefined]);
    ok(same(again.values?.get("large") ?? pattern(0, 1), pattern(100_000, 1)), "a large value");
    await again.close();
  },

  "is what a model of it is, whatever is asked for": async (storage) => {
    for (let seed = 1; seed <= 4; seed += 1) {
      await randomly(storage, seed);
    }
  },
};

/** Adds, removes, and reopens at random, and compares with a list. */
async function randomly(storage: Storage, seed: number): Promise<void> {
  const below = chance(seed);
  let outbox = storage();
  let model: Entry[] = [];
  const reopened = async () => {
    await outbox.close();
    outbox = storage();
    const entries = await outbox.open();
    equal(texts(entries), texts(model));
    return [...entries];
  };
  await outbox.open();
  await outbox.write({ put: [], remove: model.map(({ id }) => id) });
  let next = 1;
  let pending: Promise<void>[] = [];
  for (let step = 0; step < 150; step += 1) {
    const remove = model.filter(() => below(4) === 0).map(({ id }) => id);
    const put = Array.from({ length: below(5) }, () => entry(next++, `${step}${"x".repeat(below(below(2000) + 1))}`));
    pending.push(outbox.write({ put, remove }));
    model = [...model.filter(({ id }) => !remove.includes(id)), ...put];
    if (below(3) === 0) {
      await Promise.all(pending);
      pending = [];
    }
    if (below(15) === 0) {
      await Promise.all(pending);
      pending = [];
      model = await reopened();
      next = (model.at(-1)?.id ?? 0) + 1;
    }
  }
  await Promise.all(pending);
  model = await reopened();
  await outbox.write({ put: [], remove: model.map(({ id }) => id) });
  await outbox.close();
}

/** Runs all cases on storages created by `fresh`, and returns the failed ones. */
export async function failures(fresh: (nth: number) => Storage, traits: Traits): Promise<string[]> {
  const failed: string[] = [];
  for (const [nth, [name, run]] of Object.entries(cases).entries()) {
    await run(fresh(nth), traits).catch((error: unknown) => {
      failed.push(`${name}: ${error instanceof Error ? (error.stack ?? error.message) : error}`);
    });
  }
  return failed;
}

export function entry(id: number, text: string): Entry {
  return { id, bytes: new TextEncoder().encode(text) };
}

export function texts(entries: readonly Entry[]): string[] {
  return entries.map(({ bytes }) => new TextDecoder().decode(bytes));
}

/** Returns a pseudorandom generator: each call returns a number from 0 up to, but not including, its argument. */
export function chance(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

async function contents(outbox: Outbox): Promise<string[]> {
  return texts(await outbox.open());
}

function pattern(size: number, seed: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, at) => (at * 31 + (at >> 8) + seed) & 0xff);
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

async function refused(code: string, work: () => Promise<unknown>): Promise<void> {
  const error = await work().then(
    () => undefined,
    (error: { code?: string; hint?: string }) => error,
  );
  equal(error?.code, code);
  ok(error?.hint, "a hint");
}

function equal(actual: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(actual), JSON.stringify(expected)];
  ok(a === b, `${shortened(a)} is not ${shortened(b)}`);
}

function shortened(text = "undefined"): string {
  return text.length > 600 ? `${text.slice(0, 600)}…` : text;
}

function ok(condition: unknown, message = "not so"): asserts condition {
  if (!condition) {
    throw new Error(message);
  }
}
