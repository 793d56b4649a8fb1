/** Tests private keys in WebCrypto, as in Workers, and in Node.js's own Ed25519. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { recording } from "../../packages/countersign/dist/record/create.js";
import { none } from "../../packages/countersign/dist/record/lifecycle.js";
import { nativeSigner } from "../../packages/countersign/dist/record/sign.node.js";
import type { KeyHandle, Signer } from "../../packages/countersign/dist/record/signer.js";
import { generateKeyHandle, importSignerKey } from "../../packages/countersign/dist/record/webcrypto.js";
import { memory } from "../../packages/countersign/dist/transport/transport.js";
import { EMITTERS } from "../conformance/setup.ts";

const MODULE = new WebAssembly.Module(
  readFileSync(new URL("../../packages/countersign/dist/wasm/recorder_bg.wasm", import.meta.url)),
);
const [{ secret: KEY }] = EMITTERS;
/** A fixed clock and fixed random values. */
const FIXED = { now: () => 1_790_000_000_000, random: (bytes: Uint8Array) => bytes.fill(7) };
const inCore = recording(MODULE, none, FIXED);
const inWebCrypto = recording(MODULE, none, { ...FIXED, readKey: importSignerKey });
const inNode = recording(MODULE, none, { ...FIXED, readKey: nativeSigner });

type CreateRecorder = typeof inCore.createRecorder;

/** Returns an export of two flushes. */
async function recorded(create: CreateRecorder, key: string | KeyHandle | Signer): Promise<string> {
  const to = memory();
  const audit = await create({ key, origin: "log.example/audit", to, autoFlush: false, onError: () => {} }).ready();
  audit.record({ action: "a.b" });
  await audit.flush();
  audit.record({ action: "c.d" });
  await audit.close();
  return to.text();
}

/** Counts calls of WebCrypto during work. */
async function counting(work: () => Promise<unknown>): Promise<{ sign: number; imported: unknown[] }> {
  const { subtle } = crypto;
  const [sign, importKey] = [subtle.sign, subtle.importKey];
  const counts = { sign: 0, imported: [] as unknown[] };
  subtle.sign = (...args) => {
    counts.sign++;
    return sign.apply(subtle, args);
  };
  subtle.importKey = ((...args: Parameters<SubtleCrypto["importKey"]>) => {
    counts.imported.push(args[3]);
    return importKey.apply(subtle, args);
  }) as typeof importKey;
  try {
    await work();
  } finally {
    Object.assign(subtle, { sign, importKey });
  }
  return counts;
}

test("private key: WebCrypto signs like the core, with a non-extractable key", async () => {
  const expected = await recorded(inCore.createRecorder, KEY);
  const counts = await counting(async () => assert.equal(await recorded(inWebCrypto.createRecorder, KEY), expected));
  assert.ok(counts.sign > 1);
  // The extractable key is only imported to get the public key.
  assert.deepEqual(counts.imported, [true, false]);
  assert.equal((await counting(() => recorded(inCore.createRecorder, KEY))).sign, 0);
});

test("private key: Node.js signs like the core, even at exit", async () => {
  const expected = await recorded(inCore.createRecorder, KEY);
  assert.equal(await recorded(inNode.createRecorder, KEY), expected);
  const { key, signNow, checks } = await nativeSigner(KEY);
  assert.equal(checks, "none");
  assert.ok(!key.includes("PRIVATE"), "the core must only get the vkey");
  assert.equal(signNow?.(new Uint8Array(3)).length, 64);
});

test("private key: incomplete, altered, and other texts are rejected with the same messages everywhere", async () => {
  const [, , name = "", id = "", typed = ""] = KEY.split("+");
  for (const broken of [
    KEY.slice(0, -1),
    KEY.slice(0, -4),
    `${KEY}AAAA`,
    `${KEY}=`,
    KEY.replace(id, id.startsWith("0") ? `1${id.slice(1)}` : `0${id.slice(1)}`),
    KEY.replace(name, `${name}x`),
    `PRIVATE+KEY+${name}+${id}`,
    `PRIVATE+KEY+${name}+${id}+${typed.replace(/^A/, "B")}`,
    `PRIVATE+KEY+${name}+${id}+§`,
    "PRIVATE+KEY+",
    "hunter2",
  ]) {
    const refusal = (create: CreateRecorder) => recorded(create, broken).then(() => assert.fail(broken), String);
    const expected = await refusal(inCore.createRecorder);
    assert.equal(await refusal(inWebCrypto.createRecorder), expected, broken);
    assert.equal(await refusal(inNode.createRecorder), expected, broken);
  }
});

test("signature: a wrong key is detected, with WebCrypto at the first signature and with a signer at each", async () => {
  const [mine, other] = await Promise.all([generateKeyHandle("example.com/a"), generateKeyHandle("example.com/a")]);
  const mixed = { vkey: mine.vkey, privateKey: other.privateKey };
  await assert.rejects(recorded(inCore.createRecorder, mixed), { code: "signature.invalid" });

  let turns = 0;
  const signer: Signer = {
    vkey: mine.vkey,
    sign: (bytes) => crypto.subtle.sign("Ed25519", turns++ < 2 ? mine.privateKey : other.privateKey, bytes),
  };
  await assert.rejects(recorded(inCore.createRecorder, signer), { code: "signature.invalid" });
  assert.equal(turns, 3);
});
