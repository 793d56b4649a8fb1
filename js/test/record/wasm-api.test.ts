/** Tests the functions of the recorder's WebAssembly that the package uses below `createRecorder`. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { inCore } from "../../packages/countersign/dist/record/core.js";
import * as core from "../../packages/countersign/dist/wasm/recorder.js";
import { Signer } from "../conformance/keys.ts";

const file = (path: string) => new URL(`../../${path}`, import.meta.url);
core.initSync({
  module: new WebAssembly.Module(readFileSync(file("packages/countersign/dist/wasm/recorder_bg.wasm"))),
});

interface Vectors {
  tlog_proof: { index: number; leaf: string; proof: string };
  vkeys: { vkey: string }[];
}
const vectors: Vectors = JSON.parse(readFileSync(file("../tests/vectors/primitives.json"), "utf8"));
const ORIGIN = "log.example/audit";
const LOG = vectors.vkeys.map(({ vkey }) => vkey).find((vkey) => vkey.startsWith(`${ORIGIN}+`)) ?? "";
const TIME = Date.UTC(2026, 10, 20, 6);
const sixteen = (value: number) => new Uint8Array(16).fill(value);
const [KEY = "", VKEY = ""] = core.signerKey("example.com/test", new Uint8Array(32).fill(7));

async function prove(text: string, proof: string, leaf: string): Promise<number> {
  const trust = inCore(() => new core.LogTrust(text));
  try {
    return inCore(() => trust.prove(proof, leaf));
  } finally {
    trust.free();
  }
}

/** Flushes, signing with zeros if the recorder doesn't sign itself. */
function flush(recorder: core.Recorder, most: number, close = false): string[] {
  recorder.begin(TIME, sixteen(9), close, most);
  while (recorder.step(TIME) !== undefined) {
    recorder.sign(new Uint8Array(64), false);
  }
  return new TextDecoder().decode(recorder.take()).split("\n").slice(0, -1);
}

const start = () => new core.Recorder(ORIGIN, KEY, true);
const salted = (salt: number, json: string) => Buffer.concat([sixteen(salt), Buffer.from(json)]);

test("wasm: a proof returns its entry's index", async () => {
  const { index, leaf, proof } = vectors.tlog_proof;
  assert.equal(await prove(LOG, proof, leaf), index);
  assert.equal(await prove(`# ours\nlog ${LOG}\n`, proof, leaf), index);
});

test("wasm: a wrong proof is rejected", async () => {
  const { leaf, proof } = vectors.tlog_proof;
  const refused = { name: "CountersignError", code: "proof.invalid" };
  await assert.rejects(prove(LOG, proof, `${leaf} `), refused);
  const signature = proof.lastIndexOf(" ") + 20;
  const forged = proof.slice(0, signature) + (proof[signature] === "A" ? "B" : "A") + proof.slice(signature + 1);
  await assert.rejects(prove(LOG, forged, leaf), { ...refused, message: /signature of .* is invalid/ });
  await assert.rejects(prove(VKEY, proof, leaf), { ...refused, message: /no trusted log key/ });
  const witness = "witness1.example+5a2cc2d2+BOSsI41n4D8Qug0nupyEG/69+p36Edg19GrqXrsvtErb";
  const strict = `log ${LOG}\nwitness w ${witness}\nquorum w\n`;
  await assert.rejects(prove(strict, proof, leaf), { ...refused, message: /too few/ });
  await assert.rejects(prove(LOG, "c2sp.org/tlog-proof@v1\n", leaf), refused);
  await assert.rejects(prove(LOG, proof.replace("\n15\n", "\n1 5\n"), leaf), { code: "checkpoint.invalid", line: 2 });
});

test("wasm: a log is a vkey, or a trust file with one log", async () => {
  const trust = new core.LogTrust(` ${LOG}\n`);
  assert.equal(trust.origin, ORIGIN);
  trust.free();
  await assert.rejects(prove("", "", ""), { code: "key.invalid", hint: /name\+1a2b3c4d\+/ });
  await assert.rejects(prove("# none\n", "", ""), { code: "trust.invalid", hint: /log <vkey>/ });
  await assert.rejects(prove(`log ${LOG}\nlog ${VKEY}\n`, "", ""), { code: "trust.invalid" });
  await assert.rejects(prove(`log ${LOG}\nlogs\n`, "", ""), { code: "trust.invalid", line: 2 });
  const secret = KEY.slice(-40);
  for (const text of [KEY, `log ${KEY}`]) {
    await assert.rejects(prove(text, "", ""), (error) => !String(error).includes(secret));
  }
});

test("wasm: a flush takes the given number of events", () => {
  const recorder = start();
  for (let nth = 0; nth < 5; nth++) {
    recorder.record(salted(nth, `{"nth":${nth}}`), TIME, false);
  }
  assert.equal(flush(recorder, 2).length, 3, "with the open link");
  assert.equal(recorder.queued, 3);
  assert.equal(flush(recorder, 1).length, 1);
  assert.equal(flush(recorder, 1, true).length, 3, "closing takes all");
  assert.equal(recorder.queued, 0);
  assert.throws(() => recorder.restore(`${TIME} ${btoa("x".repeat(16))} {}\n`), /closed/);
  recorder.free();
});

test("wasm: queued events can be stored and restored", () => {
  const recorder = start();
  recorder.record(salted(0, '{"before":"keeping"}'), TIME, false);
  assert.equal(recorder.unstored(), "");
  recorder.keepUnstored(true);
  assert.equal(recorder.record(salted(1, '{"token":"t-1", "b":"é"}'), TIME + 1, false), 31);
  assert.throws(() => recorder.record(salted(2, "[]"), TIME, false));
  recorder.record(salted(2, '{"nth":2}'), TIME + 2, false);
  const kept = recorder.unstored();
  const salt = (value: number) => btoa(String.fromCharCode(...sixteen(value)));
  const events = ['{"b":"é","token":"[redacted]"}', '{"nth":2}'];
  assert.equal(kept, events.map((event, nth) => `${TIME + nth + 1} ${salt(nth + 1)} ${event}\n`).join(""));
  assert.equal(recorder.unstored(), "");

  const next = start();
  next.keepUnstored(true);
  assert.deepEqual(
    kept.split(/(?<=\n)/).map((line) => next.restore(line)),
    events.map((event) => new TextEncoder().encode(event).length),
  );
  assert.equal(next.unstored(), "");
  const lines = flush(next, 0).slice(1);
  assert.deepEqual(
    lines.map((line) => line.slice(line.indexOf('","salt":'))),
    events.map((event, nth) => `","salt":"${salt(nth + 1)}","event":${event}}`),
  );
  const damaged = { code: "event.invalid", message: /was changed in storage/ };
  const line = `-5 ${salt(1)} {"a":"x y"}\n`;
  assert.equal(next.restore(line), 11, "times before 1970 are restored too");
  const others = [
    line.trimEnd(),
    line + line,
    line.replace("-5", "+5"),
    line.replace("-5", "05"),
    line.replace("-5", "5.0"),
    line.replace("-5", "999999999999999"),
    line.replace("AQ==", "AR=="),
    line.replace("== ", "==  "),
    line.replace('{"a"', '{ "a"'),
    line.replace("}\n", "\n"),
  ];
  for (const line of ["", kept, "1 2 3\n", `${TIME} ${salt(1)} {"b":1,"a":2}\n`, ...others]) {
    assert.throws(() => inCore(() => next.restore(line)), damaged);
  }
  recorder.free();
  next.free();
});

test("wasm: an export begins with its header", () => {
  assert.equal(core.header('a"b'), '{"countersign":"export/v1","origin":"a\\"b"}\n');
  assert.throws(() => inCore(() => core.header("a b")), { code: "name.invalid" });
  const recorder = start();
  assert.deepEqual(flush(recorder, 0), []);
  assert.match(flush(recorder, 0, true)[0] ?? "", /^\{"link":"countersign\/v1 open /);
  recorder.free();
});

test("wasm: an issuer's note is signed as a whole", () => {
  const [issuer = ""] = core.signerKey("example.com", new Uint8Array(32).fill(8));
  const note = core.signKeyNote(issuer, ORIGIN, [`grant ${VKEY} - 2026-11-20T06:00:00.000Z`, `revoke ${VKEY} -`]);
  const [text = "", lines = ""] = note.split("\n\n");
  assert.equal(text, `countersign/v1 keys\n${ORIGIN}\ngrant ${VKEY} - 2026-11-20T06:00:00.000Z\nrevoke ${VKEY} -`);
  assert.match(lines, /^— example\.com \S+\n$/);
  const sign = (...statements: string[]) => inCore(() => core.signKeyNote(issuer, ORIGIN, statements));
  assert.throws(() => sign(), { code: "note.invalid" });
  assert.throws(() => sign(`grant ${VKEY} -`), { code: "note.invalid", hint: /grant <vkey> <from> <until>/ });
  assert.throws(() => sign(`grant ${VKEY} 2026-11-20T06:00:00.000Z 2026-11-20T06:00:00.000Z`), {
    code: "note.invalid",
  });
  assert.throws(() => inCore(() => core.signKeyNote(VKEY, ORIGIN, [`revoke ${VKEY} -`])), { code: "key.invalid" });
});

test("wasm: a request for a grant is signed by its key, and opened only then", () => {
  const time = "2026-11-20T06:00:00.125Z";
  const note = core.signGrantRequest(KEY, time);
  const signer = new Signer("example.com/test", 7);
  assert.equal(note, signer.note(`countersign/v1 key\n${VKEY}\n${time}\n`));
  assert.deepEqual(core.openGrantRequest(note), [VKEY, time]);
  const other = new Signer("example.com/other", 8);
  for (const wrong of [
    "",
    note.replace(".125Z", ".126Z"),
    other.note(`countersign/v1 key\n${VKEY}\n${time}\n`),
    signer.note(`countersign/v1 keys\n${VKEY}\n${time}\n`),
    signer.note(`countersign/v1 key\n${VKEY}\n`),
  ]) {
    assert.throws(() => inCore(() => core.openGrantRequest(wrong)), { name: "CountersignError" }, wrong);
  }
  assert.throws(() => inCore(() => core.signGrantRequest(VKEY, time)), { code: "key.invalid" });
});
