import assert from "node:assert/strict";
import { test } from "node:test";
import { bytes, clip, counted, duration, moment, visible } from "../../src/format.ts";

test("amounts", () => {
  assert.equal(counted(1, "leaf", "leaves"), "1 leaf");
  assert.equal(counted(1_234_567, "event"), "1,234,567 events");
  assert.equal(bytes(1), "1 byte");
  assert.equal(bytes(999), "999 bytes");
  assert.equal(bytes(1_540_000), "1.54 MB");
  assert.equal(bytes(1e12), "1 TB");
  assert.equal(duration(0.2), "less than a second");
  assert.equal(duration(200), "3 min 20 s");
  assert.equal(duration(3 * 3600), "3 h");
});

test("moments are in UTC and say so", () => {
  assert.equal(moment("2026-11-20T06:01:02.345Z"), "2026-11-20 06:01:02.345Z");
});

test("a clipped text ends with a whole character", () => {
  assert.equal(clip("abc", 3), "abc");
  assert.equal(clip("abcd", 3), "abc…");
  assert.equal(clip("ab😀d", 3), "ab…");
});

test("what cannot be seen is named", () => {
  assert.deepEqual(visible("admin\u202egnp.exe"), [
    { text: "admin", unseen: false },
    { text: "U+202E", unseen: true },
    { text: "gnp.exe", unseen: false },
  ]);
  const unseen = (text: string) => visible(text).filter((part) => part.unseen).length;
  assert.equal(unseen("\u0000\u001b\u007f\u200b\u2066\ufeff\u{e0041}"), 7);
  assert.equal(unseen("a\tb\nc"), 0);
});

test("joiners are named only where writing does not need them", () => {
  const unseen = (text: string) => visible(text).some((part) => part.unseen);
  assert.equal(unseen("👩‍💻 👩🏽‍🚀 ❤️‍🔥"), false);
  assert.equal(unseen("می‌خواهم"), false);
  assert.equal(unseen("क्‍ष"), false);
  assert.equal(unseen("ad‍min"), true);
});
