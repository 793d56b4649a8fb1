/** The words for tenant logs. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { verify } from "countersign/verify";
import { de } from "../../packages/ui/dist/viewer/texts/de.js";
import { en } from "../../packages/ui/dist/viewer/texts/texts.js";
import { type Alarm, alarmView } from "../../packages/ui/dist/viewer/verdict/alarm.js";
import { verdictWords } from "../../packages/ui/dist/viewer/verdict/verdict.js";
import { textOf } from "./drawn.ts";

const file = (name: string) => readFileSync(new URL(`../../../tests/vectors/${name}`, import.meta.url));

async function words(vector: string, texts = en) {
  const { report, phrases, why } = await verify(file(`${vector}/export.ndjson`), {
    trust: file(`${vector}/trust.txt`).toString(),
  });
  return verdictWords({ report, phrases, why } as Parameters<typeof verdictWords>[0], texts);
}

test("verdict: a complete tenant log has its time, and the interval without rewrites", async () => {
  const { says } = await words("tenant");
  assert.match(says, /all 9 entries of this customer’s log, nothing missing, as of 2026-11-20 07:08:21/);
  assert.match(says, /one moment from 2026-11-20 07:08:15.* nothing was rewritten/);
  assert.match((await words("tenant", de)).says, /alle 9 Einträge im Log dieses Kunden, nichts fehlt, Stand /);
});

test("verdict: a growth witness that the quorum requires replaces the anchors", async () => {
  for (const vector of ["tenant-growth", "tenant-growth-before-the-first-anchor"]) {
    const { says } = await words(vector);
    assert.match(says, /nothing missing, as of 2026-11-20 [0-9:.]+Z, and it only ever grew\.$/);
    assert.match((await words(vector, de)).says, /, und das Log ist immer nur gewachsen\.$/);
  }
  for (const vector of ["tenant-growth-not-required", "tenant-growth-since-a-later-tick"]) {
    const { says } = await words(vector);
    assert.match(says, /nothing was rewritten/);
    assert.doesNotMatch(says, /only ever grew/);
  }
  const live = await verify(file("tenant-growth/export.ndjson"), { trust: file("tenant-growth/trust.txt").toString() });
  const { says } = verdictWords(live as Parameters<typeof verdictWords>[0], en, { followed: "utc" });
  assert.match(says, /all 9 entries of this customer’s log, from .* on, nothing missing, and it only ever grew\.$/);
});

test("verdict: a tenant log without anchors claims nothing about rewrites", async () => {
  const { says } = await words("tenant-before-the-first-anchor");
  assert.match(says, /all 5 entries of this customer’s log/);
  assert.doesNotMatch(says, /rewritten/);
});

test("verdict: a tenant log without an expected origin may be another customer's", async () => {
  const { word, says } = await words("tenant-unnamed");
  assert.match(word, /you haven’t named the log you expect/);
  assert.match(says, /another customer’s/);
});

test("alarm: another log than expected may be due to the page's settings, which comes first", async () => {
  const alarm = async (vector: string, { bytes = file(`${vector}/export.ndjson`), texts = en } = {}) => {
    const judged = await verify(bytes, { trust: file(`${vector}/trust.txt`).toString() });
    return textOf(alarmView({ ...judged, at: new Date(0), goodPin: null } as unknown as Alarm, texts, "utc"));
  };
  const other = "tenant-of-another-name";
  assert.match(await alarm(other), /set up for another log.*tell its operator.*Keep this page open/);
  assert.match(await alarm(other, { texts: de }), /anderes Log eingerichtet.*Lassen Sie diese Seite offen/);
  // Other problems aren't due to the settings.
  const bytes = Buffer.from(file(`${other}/export.ndjson`).toString().replace('"action":"', '"action":"x'));
  const altered = await alarm(other, { bytes });
  assert.match(altered, /Keep this page open/);
  assert.doesNotMatch(altered, /set up for another log/);
});
