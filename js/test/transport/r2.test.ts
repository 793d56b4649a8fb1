/** Tests the R2 transport in workerd. */

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Miniflare } from "miniflare";
import { r2Transport } from "../../packages/countersign/dist/transport/r2.js";
import { bundled } from "../outbox/worker/bundle.ts";

const worker = new Miniflare({
  modules: true,
  script: await bundled(new URL("worker.ts", import.meta.url)),
  compatibilityDate: "2026-01-01",
  r2Buckets: ["BUCKET"],
});
after(() => worker.dispose());

const HEADER = '{"countersign":"export/v1","origin":"example.com/audit"}\n';
const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, nth) => `{"link":"${from + nth}"}\n`).join("");

async function ask<T>(path: string, query: Record<string, string>, body?: string): Promise<T> {
  const init = body === undefined ? {} : { method: "POST", body };
  return (await worker.dispatchFetch(`http://worker/${path}?${new URLSearchParams(query)}`, init)).json() as T;
}

/** Uses a prefix of its own in the bucket. */
function place(prefix: string) {
  return {
    begun: (writer: string) => ask<boolean>("begun", { writer: `${prefix}${writer}`, prefix }),
    write: (writer: string, chunk: string, lost = 0) =>
      ask<string>("write", { writer: `${prefix}${writer}`, prefix, lost: `${lost}` }, chunk),
    objects: (after = 0) => ask<[string, string][]>("objects", { prefix, after: `${after}` }),
    text: async () =>
      (await ask<[string, string][]>("objects", { prefix, after: "0" })).map(([, text]) => text).join(""),
    put: (keys: string[]) => ask("put", {}, keys.map((key) => `${prefix}${key}`).join("\n")),
  };
}

test("r2Transport: stores an object per chunk, which form an export in the order of their keys", async () => {
  const { begun, write, objects } = place("plain/");
  assert.equal(await begun("a"), false);
  const chunks = [HEADER + lines(0, 3), lines(3, 4), lines(4, 9)];
  for (const chunk of chunks) {
    assert.equal(await write("a", chunk), "written");
  }
  assert.deepEqual(
    await objects(),
    chunks.map((chunk, nth) => [`plain/000/000/00${nth}.ndjson`, chunk]),
  );
  assert.equal(await begun("b"), true);
});

test("r2Transport: doesn't repeat a chunk whose response was lost", async () => {
  const { write, text } = place("lost/");
  assert.equal(await write("a", HEADER + lines(0, 3), 1), "no answer");
  assert.equal(await write("a", HEADER + lines(0, 3)), "written");
  assert.equal(await write("a", lines(3, 5), 1), "no answer");
  // Repeated together with later lines.
  assert.equal(await write("a", lines(3, 8)), "written");
  assert.equal(await write("a", lines(8, 9), 1), "no answer");
  assert.equal(await write("a", lines(8, 10), 1), "no answer");
  assert.equal(await write("a", lines(8, 11)), "written");
  assert.equal(await text(), HEADER + lines(0, 11));
});

test("r2Transport: continues after the last object, and stores repeated lines once", async () => {
  const { begun, write, text } = place("back/");
  assert.equal(await write("a", HEADER + lines(0, 3)), "written");
  assert.equal(await write("a", lines(3, 6), 1), "no answer");
  assert.equal(await begun("b"), true);
  assert.equal(await write("b", lines(3, 7)), "written");
  assert.equal(await write("c", lines(7, 8)), "written");
  assert.equal(await text(), HEADER + lines(0, 8));
});

test("r2Transport: finds a chunk whose response was lost before later objects of others", async () => {
  const { write, text } = place("behind/");
  const others = (nth: number) => `{"other":${nth}}\n`;
  assert.equal(await write("a", HEADER + lines(0, 3)), "written");
  assert.equal(await write("a", lines(3, 4), 1), "no answer");
  // This time together with later lines, which become a separate object.
  assert.equal(await write("b", others(0)), "written");
  assert.equal(await write("a", lines(3, 6), 1), "no answer");
  for (let nth = 1; nth < 14; nth += 1) {
    assert.equal(await write("b", others(nth)), "written");
  }
  // It returns with one chunk or several, and fails again.
  assert.equal(await write("a again", lines(3, 8), 1), "no answer");
  assert.equal(await write("a once more", lines(3, 4)), "written");
  assert.equal(await write("a once more", lines(4, 6)), "written");
  assert.equal(await write("a once more", lines(6, 9)), "written");
  const all = (await text()).split(/(?<=\n)/);
  assert.equal(all.filter((line) => line.startsWith('{"link"')).join(""), lines(0, 9));
  assert.equal(all.length, 1 + 9 + 14);
});

test("r2Transport: stores lines once after an initial failure", async () => {
  const { write, text } = place("twice/");
  assert.equal(await write("a", HEADER + lines(0, 3), 1), "no answer");
  assert.equal(await write("b", '{"other":0}\n'), "written");
  assert.equal(await write("a again", HEADER + lines(0, 5), 1), "no answer");
  assert.equal(await write("a again", HEADER + lines(0, 5)), "written");
  assert.equal(await text(), `${HEADER}${lines(0, 3)}{"other":0}\n${lines(3, 5)}`);
});

test("r2Transport: concurrent writers store all of their lines under one header", async () => {
  const { begun, write, text } = place("many/");
  const writers = ["a", "b", "c", "d"];
  assert.deepEqual(await Promise.all(writers.map(begun)), [false, false, false, false]);
  for (let round = 0; round < 5; round += 1) {
    const header = round === 0 ? HEADER : "";
    const written = await Promise.all(writers.map((name) => write(name, `${header}{"${name}":${round}}\n`)));
    assert.deepEqual(new Set(written), new Set(["written"]));
  }
  const [first, ...others] = (await text()).split(/(?<=\n)/);
  assert.equal(first, HEADER);
  for (const name of writers) {
    assert.deepEqual(
      others.filter((line) => line.startsWith(`{"${name}"`)),
      [0, 1, 2, 3, 4].map((round) => `{"${name}":${round}}\n`),
    );
  }
  assert.equal(others.length, 20);
});

test("r2Transport: continues keys across full, multiple, and missing folders", async () => {
  const key = (number: number) => {
    const digits = `${number}`.padStart(9, "0");
    return `${digits.slice(0, 3)}/${digits.slice(3, 6)}/${digits.slice(6)}.ndjson`;
  };
  for (const [name, from, to] of [
    ["full", 990, 1000],
    ["several", 500, 1005],
    ["late", 3_999_998, 4_000_000],
  ] as const) {
    const { write, objects, put } = place(`${name}/`);
    await put(Array.from({ length: to - from }, (_, nth) => key(from + nth)));
    await write("a", lines(0, 1));
    await write("a", lines(1, 2));
    assert.deepEqual(await objects(to - from), [
      [`${name}/${key(to)}`, lines(0, 1)],
      [`${name}/${key(to + 1)}`, lines(1, 2)],
    ]);
  }
});

test("r2Transport: rejects a missing binding", () => {
  assert.throws(
    () => r2Transport(undefined as never),
    (error: { code: string; hint: string }) => error.code === "options.invalid" && /r2_buckets/.test(error.hint),
  );
});
