import assert from "node:assert/strict";
import { test } from "node:test";
import { ScrollMap } from "../../packages/ui/dist/viewer/list/scroll.js";

const VIEW = 500;
const MILLION = 1_000_000 * 40;

test("ScrollMap: maps a short list one to one", () => {
  const map = new ScrollMap(100_000, VIEW);
  assert.equal(map.height, 100_000);
  for (const place of [0, 1, 50_000, 99_500]) {
    assert.equal(map.toContent(place), place);
    assert.equal(map.toScroller(place), place);
  }
});

test("ScrollMap: limits the height of a long list, with inverse mappings", () => {
  const map = new ScrollMap(MILLION, VIEW);
  assert.ok(map.height <= 8_000_000);
  let before = -1;
  for (let top = 0; top <= map.height; top += 9_973) {
    const content = map.toContent(top);
    assert.ok(content > before);
    assert.ok(Math.abs(map.toScroller(content) - top) < 1e-6);
    before = content;
  }
  assert.equal(map.toContent(map.height - VIEW), MILLION - VIEW);
  assert.equal(map.toScroller(MILLION - VIEW), map.height - VIEW);
});

test("ScrollMap: moves pixel by pixel near both ends", () => {
  const map = new ScrollMap(MILLION, VIEW);
  assert.equal(map.toContent(700_000), 700_000);
  assert.equal(map.toContent(map.height - 700_000), MILLION - 700_000);
});

test("ScrollMap: follows a wheel pixel by pixel and the scroll bar anywhere", () => {
  const map = new ScrollMap(MILLION, VIEW);
  const middle = map.toContent(4_000_000);
  assert.equal(map.follow(middle, 4_000_000, 4_000_120), middle + 120);
  assert.equal(map.follow(middle, 4_000_000, 5_000_000), map.toContent(5_000_000));
});

test("ScrollMap: maps the ends of the scroller to the ends of the list", () => {
  const map = new ScrollMap(MILLION, VIEW);
  assert.equal(map.follow(90, 30, 0), 0);
  assert.equal(map.follow(MILLION - VIEW - 90, map.height - VIEW - 30, map.height - VIEW), MILLION - VIEW);
  assert.equal(map.clamp(-1), 0);
  assert.equal(new ScrollMap(300, VIEW).clamp(10), 0);
});
