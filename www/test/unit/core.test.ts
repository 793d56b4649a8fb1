import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { verify } from "countersign/verify";
import { fromCore } from "../../../js/dist/viewer/texts/core.js";
import { de } from "../../../js/dist/viewer/texts/de.js";
import { FINDINGS, VECTORS } from "../../gallery/findings.ts";
import { vector } from "../page/vectors.ts";

const says = de.core;
const count = (value: number) => value.toLocaleString("de");

test("what the core says, whatever it finds, is said in German", async () => {
  const unsaid = new Set<string>();
  for (const name of new Set([...Object.values(FINDINGS), ...VECTORS])) {
    const { export: file, trust, pins } = vector(name);
    const text = trust === undefined ? undefined : readFileSync(trust, "utf8");
    const { report } = await verify(readFileSync(file), {
      ...(text !== undefined && { trust: text }),
      pins: pins.map((pin) => readFileSync(pin, "utf8")),
      threads: 1,
    });
    const reasons = Object.values(report.checks).flatMap(({ reason }) => reason ?? []);
    const found = report.findings.flatMap(({ message, hint }) => [message, hint]);
    for (const sentence of [...reasons, ...found]) {
      if (says(sentence) === undefined) unsaid.add(sentence);
    }
  }
  assert.deepEqual([...unsaid], []);
});

test("values keep their places, and are not looked at for places again", () => {
  const said = fromCore(
    { 'links {#from} to {#to} are of {"log}': 'von {"log}: {#from} bis {#to}', plain: "schlicht" },
    count,
  );
  assert.equal(said("plain"), "schlicht");
  assert.equal(said('links 3 to 1200 are of "a {#from} log"'), 'von "a {#from} log": 3 bis 1.200');
  assert.equal(said('links 3 to x are of "a"'), undefined);
  assert.equal(said('links 3 to 4 are of "a" and more'), undefined);
  assert.equal(said("constructor"), undefined);
});
