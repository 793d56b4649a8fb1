/** Runs the project's and third-party vectors of small values through the recorder's WebAssembly. */

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { createRecorder, memory } from "../../packages/countersign/dist/record/record.js";
import { coded } from "../coded.ts";

const KEY = "PRIVATE+KEY+example.com/recorder+7fca09ae+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
const vectors = JSON.parse(readFileSync(new URL("../../../tests/vectors/primitives.json", import.meta.url), "utf8"));

async function start() {
  const to = memory();
  const recorder = await createRecorder({ key: KEY, origin: "log.example", to, redact: false }).ready();
  return { recorder, to };
}

test("vectors: rejects what I-JSON can't represent", async () => {
  const { recorder } = await start();
  for (const { in: json, member } of vectors.event_refused) {
    assert.throws(() => recorder.recordJson(json), coded("event.invalid", member), json);
  }
});

test("vectors: writes canonical JSON", async () => {
  for (const { in: json, out } of vectors.jcs) {
    const { recorder, to } = await start();
    try {
      recorder.recordJson(`{"v":${json}}`);
    } catch (error) {
      // Numbers that only RFC 8785 accepts.
      assert.match(String(error), /a number is not finite or has a magnitude above/);
      assert.match(json, /[eE]|\d{17}/);
      continue;
    }
    await recorder.close();
    assert.ok(to.text().includes(`"event":{"v":${out}}}\n`), json);
  }
});

const NUMBERS = new URL(
  "../../../../shared/vectors/third-party/jcs/es6-numbers/es6testfile_first_10000.txt",
  import.meta.url,
);
const skip = existsSync(NUMBERS) || process.env.CI ? false : `skipped: there is no ${NUMBERS.pathname}`;

test("vectors: writes numbers as in ECMAScript", { skip }, async () => {
  const doubles = new DataView(new ArrayBuffer(8));
  const cases = readFileSync(NUMBERS, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split(",") as [string, string])
    .filter(([bits]) => {
      doubles.setBigUint64(0, BigInt(`0x${bits}`));
      return Math.abs(doubles.getFloat64(0)) <= Number.MAX_SAFE_INTEGER;
    })
    .map(([, out]) => out);
  assert.ok(cases.length > 4000);
  // The same value with additional digits.
  const longer = (out: string) => Number(out).toExponential(20);
  for (const spell of [(out: string) => out, longer]) {
    const { recorder, to } = await start();
    for (let at = 0; at < cases.length; at += 1000) {
      recorder.recordJson(`{"n":[${cases.slice(at, at + 1000).map(spell)}]}`);
    }
    await recorder.close();
    const written = [...to.text().matchAll(/"event":{"n":\[([^\]]*)]}/g)].flatMap(([, list]) => list?.split(",") ?? []);
    assert.deepEqual(written, cases);
  }
});

test("vectors: records short forms as events", async () => {
  const { createTestRecorder } = await import("countersign/testing");
  const cases = JSON.parse(readFileSync(new URL("../../../tests/vectors/recorded.json", import.meta.url), "utf8"));
  for (const { service, record, event } of cases) {
    const audit = await createTestRecorder({ service });
    audit.record(...(record as [never]));
    assert.deepEqual(audit.events(), [event], JSON.stringify(record));
  }
});
