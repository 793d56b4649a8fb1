import assert from "node:assert/strict";
import { test } from "node:test";
import { clip, moment, visible } from "../../packages/ui/dist/viewer/parts/format.js";
import { de } from "../../packages/ui/dist/viewer/texts/de.js";
import { en } from "../../packages/ui/dist/viewer/texts/texts.js";

test("figures: format amounts in each language", () => {
  const { bytes, duration, events, entries } = en.figures;
  assert.equal(entries(1), "1 entry");
  assert.equal(events(1_234_567), "1,234,567 events");
  assert.equal(bytes(1), "1 byte");
  assert.equal(bytes(999), "999 bytes");
  assert.equal(bytes(1_540_000), "1.54 MB");
  assert.equal(bytes(1e12), "1 TB");
  assert.equal(duration(0.2), "less than a second");
  assert.equal(duration(200), "3 min 20 s");
  assert.equal(duration(3 * 3600), "3 h");
  assert.equal(de.figures.bytes(1_540_000), "1,54 MB");
  assert.equal(de.figures.events(1), "1 Ereignis");
});

test("moment: shows UTC with its Z", () => {
  assert.equal(moment("2026-11-20T06:01:02.345Z"), "2026-11-20 06:01:02.345Z");
});

test("moment: clamps to the last possible time", () => {
  assert.equal(moment(Date.UTC(10_036, 6, 13)), "9999-12-31 23:59:59.999Z");
  assert.equal(moment(-1e15), "0001-01-01 00:00:00.000Z");
});

test("moment: shows local time with its offset", () => {
  // Intl uses the time zone of this process; only a browser can be given another one.
  const local = moment("2026-11-20T06:01:02.345Z", "local");
  assert.match(local, /^2026-11-(19|20|21) \d\d:\d\d:02\.345[+-]\d\d:\d\d$/);
  assert.equal(new Date(local).getTime(), Date.UTC(2026, 10, 20, 6, 1, 2, 345));
});

test("clip: ends with a whole character", () => {
  assert.equal(clip("abc", 3), "abc");
  assert.equal(clip("abcd", 3), "abc…");
  assert.equal(clip("ab😀d", 3), "ab…");
});

test("visible: names invisible characters", () => {
  assert.deepEqual(visible("admin\u202egnp.exe"), [
    { text: "admin", isMarked: false },
    { text: "U+202E", isMarked: true },
    { text: "gnp.exe", isMarked: false },
  ]);
  const unseen = (text: string) => visible(text).filter((part) => part.isMarked).length;
  assert.equal(unseen("\u0000\u001b\u007f\u200b\u2066\ufeff\u{e0041}"), 7);
  assert.equal(unseen("a\tb\nc"), 0);
});

test("visible: names piles of marks, but not marks of writing", () => {
  assert.deepEqual(visible(`a${"\u0301".repeat(50)}b`), [
    { text: `a${"\u0301".repeat(6)}`, isMarked: false },
    { text: "U+0301 ×44", isMarked: true },
    { text: "b", isMarked: false },
  ]);
  for (const text of ["việt", "בְּרֵאשִׁ֖ית", "བསྒྲུབས", "क्ष्म्यै", "1️⃣"]) {
    assert.deepEqual(visible(text), [{ text, isMarked: false }]);
  }
});

test("visible: merges very many invisible characters into few parts", () => {
  assert.deepEqual(visible(`a${"\u200b".repeat(50_000)}b`), [
    { text: "a", isMarked: false },
    { text: "U+200B ×50000", isMarked: true },
    { text: "b", isMarked: false },
  ]);
  assert.ok(visible("a\u202e".repeat(100_000)).length < 3_000);
});

test("visible: names variation selectors and fillers only where writing doesn't need them", () => {
  const unseen = (text: string) => visible(text).filter((part) => part.isMarked).length;
  assert.equal(unseen("ad\ufe00min\u3164\u115f\uffa0\u2800\u034f\u{e0101}"), 7);
  assert.equal(unseen("❤️\ufe01\u{e0100}"), 2, "one of them follows a sign, and no more");
  assert.equal(unseen("1️⃣ ©️ ❤️ 葛\u{e0100}飾 ≨\ufe00 ᠠ\u180b"), 0);
});

test("visible: names joiners only where writing doesn't need them", () => {
  const unseen = (text: string) => visible(text).some((part) => part.isMarked);
  assert.equal(unseen("👩‍💻 👩🏽‍🚀 ❤️‍🔥"), false);
  assert.equal(unseen("می‌خواهم"), false);
  assert.equal(unseen("क्‍ष"), false);
  assert.equal(unseen("ad‍min"), true);
});
