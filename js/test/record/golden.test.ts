/** Tests that the package's recorder writes the same bytes as the native one (tests/portable/recorder.rs). */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { memory, type RecorderOptions } from "../../packages/countersign/dist/record/record.js";
import { creating } from "../deliver/recorder.ts";
import { signerOf } from "./outside.ts";

const KEY = "PRIVATE+KEY+example.com/recorder+7fca09ae+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
const VKEY = "example.com/recorder+7fca09ae+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
const FIRST_TIME = 1_795_154_462_345;

const data = (name: string) => readFile(new URL(`../../../tests/data/recorder/${name}`, import.meta.url), "utf8");

async function record(key: RecorderOptions["key"]) {
  const to = memory();
  let millis = 0;
  let byte = 0;
  const create = creating({ now: () => FIRST_TIME + millis, random: (bytes) => bytes.fill(byte) });
  const recorder = await create({ key, origin: "log.example/audit", to }).ready();
  const events = (await data("events.ndjson")).split("\n").filter((line) => line !== "");
  for (const [place, event] of events.entries()) {
    millis = byte = place + 1;
    recorder.recordJson(event);
    if (millis % 3 === 0) {
      byte = 255;
      await recorder.flush();
    }
  }
  millis = 1000;
  await recorder.close();
  return to.text();
}

const golden = await data("export.ndjson");

test("golden: the WebAssembly recorder writes the native recorder's bytes", async () => {
  assert.equal(await record(KEY), golden);
});

test("golden: external signers produce the same bytes", async () => {
  const sign = signerOf(KEY);
  assert.equal(await record({ vkey: VKEY, sign }), golden);
  assert.equal(await record({ vkey: VKEY, sign: async (bytes) => (await sign(bytes)).slice().buffer }), golden);
});
