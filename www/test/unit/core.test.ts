import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fromCore } from "@countersign/ui/viewer/texts/core.js";
import { de } from "@countersign/ui/viewer/texts/de.js";
import { type Phrases, verify } from "countersign/verify";
import { FINDINGS, VECTORS } from "../../gallery/findings.ts";
import { vector } from "../page/vectors.ts";

const says = de.core;
const count = (value: number) => value.toLocaleString("de");

test("core messages: all findings have German messages", async () => {
  const unsaid = new Set<string>();
  for (const name of new Set([...Object.values(FINDINGS), ...VECTORS])) {
    const { export: file, trust, pins } = vector(name);
    const text = trust === undefined ? undefined : readFileSync(trust, "utf8");
    const { report, phrases } = await verify(readFileSync(file), {
      ...(text !== undefined && { trust: text }),
      pins: pins.map((pin) => readFileSync(pin, "utf8")),
      threads: 1,
    });
    const reasons = Object.values(report.checks).flatMap(({ reason }) => reason ?? []);
    const found = report.findings.flatMap(({ message, hint }) => [message, hint]);
    for (const sentence of [...reasons, ...found]) {
      if (says(sentence, phrases) === undefined) unsaid.add(sentence);
    }
  }
  assert.deepEqual([...unsaid], []);
});

test("core messages: errors in trust files have German messages", async () => {
  const witness = "witness.example+5a2cc2d2+BOSsI41n4D8Qug0nupyEG/69+p36Edg19GrqXrsvtErb";
  const emitter = "example.com+5cc3cc17+ARKQ0LTY0m1rWonUx15NKdqmwWB3bxPoKAY2v1Cq9ys5";
  for (const trust of [
    "trust me",
    "\ufefflog x",
    "\ufffd\ufffdl\0o\0g\0",
    "\u001f\ufffd\b\0",
    "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 ana",
    '{"kty":"OKP","crv":"Ed25519"}',
    '{"countersign":"export/v1"}',
    "PRIVATE+KEY+a",
    "quorum none\r\n",
    "quorum none\nquorum none",
    "quorum w",
    "emitter x",
    `emitter ${emitter}`,
    `emitter ${witness}`,
    `witness w ${emitter}`,
    `revoke ${emitter} soon`,
    "group g any w",
    "group g 2 w",
    `witness w ${witness}\ngroup g any w\nquorum g\ngrowth g`,
    "x".repeat((1 << 20) + 1),
  ]) {
    const refused = await verify(new Uint8Array(), { trust, threads: 1 }).then(
      () => assert.fail(trust.slice(0, 80)),
      (error: { code?: string; message: string; hint?: string; phrases?: Phrases }) => error,
    );
    assert.equal(refused.code, "trust.invalid");
    const hint =
      refused.hint === undefined || /^(group|log|witness|emitter|revoke) /.test(refused.hint)
        ? undefined
        : refused.hint;
    for (const sentence of [refused.message, hint]) {
      if (sentence !== undefined) assert.notEqual(says(sentence, refused.phrases), undefined, sentence);
    }
  }
});

test("core messages: slots in values aren't filled", () => {
  const texts = fromCore({ a: "von {log}: {#from} bis {#to}", b: "schlicht", toString: "nie" }, count);
  const phrases = {
    plain: { code: "b" },
    'links 3 to 1200 are of "a {#from} log"': {
      code: "a",
      values: { from: 3, to: 1200, log: '"a {#from} log"' },
    },
    unknown: { code: "c" },
    odd: { code: "valueOf" },
  };
  assert.equal(texts("plain", phrases), "schlicht");
  assert.equal(texts('links 3 to 1200 are of "a {#from} log"', phrases), 'von "a {#from} log": 3 bis 1.200');
  for (const english of ["unknown", "odd", "not said", "constructor"])
    assert.equal(texts(english, phrases), undefined);
  assert.equal(texts("plain", undefined), undefined);
});
