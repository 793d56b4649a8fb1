import assert from "node:assert/strict";
import { test } from "node:test";
import { Glob } from "../../dist/shelf/glob.js";
import { Needle } from "../../dist/shelf/needle.js";
import { exactly } from "../../dist/shelf/pattern.js";
import { type Below, chance } from "../chaos/chance.ts";
import { pick } from "./made.ts";

/** Letters of one, two, three and four bytes, whose cases take different numbers of them. */
const LETTERS = [
  "a",
  "A",
  "b",
  "k",
  "K",
  "\u212a",
  "s",
  "S",
  "\u017f",
  "é",
  "É",
  "σ",
  "ς",
  "Σ",
  "😀",
  "\u{10428}",
  "\u{10400}",
  ".",
];

const text = (below: Below, length: number) =>
  Array.from({ length: below(length) }, () => pick(below, LETTERS)).join("");
const escaped = (letters: string) =>
  Array.from(letters, (letter) => `\\u{${letter.codePointAt(0)?.toString(16)}}`).join("");

test("text is found where a regular expression finds it, in any case", () => {
  const below = chance(11);
  const encoder = new TextEncoder();
  for (let nth = 0; nth < 20_000; nth += 1) {
    const hay = text(below, 25);
    const letters = [...hay];
    const from = below(letters.length + 1);
    const sought = below(2) === 0 ? letters.slice(from, from + below(6)).join("") : text(below, 5);
    const asked = below(2) === 0 ? sought.toUpperCase() : sought;
    const match = new RegExp(escaped(asked), "iu").exec(hay);
    const expected = match === null ? -1 : encoder.encode(hay.slice(0, match.index)).length;
    // What stands before and behind is not looked at.
    const bytes = encoder.encode(`k${hay}s`);
    const found = new Needle(asked).find(bytes, 1, bytes.length - 1);
    assert.equal(found < 0 ? found : found - 1, expected, `${asked} in ${hay}`);
  }
});

test("patterns fit what a regular expression fits", () => {
  const below = chance(12);
  const encoder = new TextEncoder();
  for (let nth = 0; nth < 20_000; nth += 1) {
    const pieces = Array.from({ length: 1 + below(4) }, () => text(below, 3));
    const value = below(2) === 0 ? text(below, 12) : pieces.join(text(below, 3)).toLowerCase();
    const bytes = encoder.encode(`s${value}k`);
    const glob = new Glob(pieces.map(exactly).join("*"));
    const expected = new RegExp(`^${pieces.map(escaped).join("[\\s\\S]*")}$`, "iu").test(value);
    assert.equal(glob.fits(bytes, 1, bytes.length - 1), expected, `${pieces.join("*")} for ${value}`);
  }
});
