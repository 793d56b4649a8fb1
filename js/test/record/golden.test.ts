/** What tests/recorder.rs says of the native recorder, of the package's: the same bytes everywhere. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import * as full from "../../dist/record/record.js";
import * as slim from "../../dist/record/slim.js";
import { importSignerKey } from "../../dist/record/webcrypto.js";

const KEY = "PRIVATE+KEY+example.com/recorder+7fca09ae+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
const VKEY = "example.com/recorder+7fca09ae+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs";
const FIRST_TIME = 1_795_154_462_345;

const data = (name: string) => readFile(new URL(`../../../tests/data/recorder/${name}`, import.meta.url), "utf8");

async function record({ createRecorder, memory }: typeof slim, key: Parameters<typeof createRecorder>[0]["key"]) {
  const to = memory();
  let millis = 0;
  let byte = 0;
  const recorder = await createRecorder({
    key,
    origin: "log.example/audit",
    to,
    now: () => FIRST_TIME + millis,
    random: (bytes) => bytes.fill(byte),
  });
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

test("a seed in WebAssembly writes the native recorder's bytes", async () => {
  assert.equal(await record(full, KEY), golden);
});

test("a seed in WebCrypto writes them too", async () => {
  assert.equal(await record(slim, KEY), golden);
});

test("the key that signs in WebCrypto cannot be exported by what stands in for it", async () => {
  const { sign } = crypto.subtle;
  const keys: CryptoKey[] = [];
  crypto.subtle.sign = function (...args) {
    keys.push(args[1]);
    return Reflect.apply(sign, this, args);
  };
  try {
    assert.equal(await record(slim, KEY), golden);
  } finally {
    crypto.subtle.sign = sign;
  }
  assert.ok(keys.length > 0);
  assert.ok(keys.every(({ extractable }) => !extractable));
});

test("so do signers outside, with either artefact", async () => {
  const { sign } = await importSignerKey(KEY);
  assert.ok(sign);
  for (const entry of [full, slim]) {
    assert.equal(await record(entry, { vkey: VKEY, sign }), golden);
    assert.equal(
      await record(entry, { vkey: VKEY, sign: async (bytes) => (await sign(bytes)).slice().buffer }),
      golden,
    );
  }
});
