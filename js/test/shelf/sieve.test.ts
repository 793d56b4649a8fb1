import assert from "node:assert/strict";
import { test } from "node:test";
import { casesOf } from "../../dist/shelf/cases.js";
import { UNREAD } from "../../dist/shelf/masks.js";
import { Needle } from "../../dist/shelf/needle.js";
import { Search } from "../../dist/shelf/search.js";
import { Clue, type Sieve, Sifter } from "../../dist/shelf/sieve.js";
import { Table } from "../../dist/shelf/table.js";
import { type Stretch, Texts } from "../../dist/shelf/texts.js";
import type { Query } from "../../dist/shelf/types.js";
import { type Below, chance } from "../chaos/chance.ts";
import { batchLine, type Leaf, leaves, pick, word } from "./made.ts";
import { batchOf } from "./put.ts";
import { answer } from "./reference.ts";

const encoder = new TextEncoder();
const BY_PLACE = { by: "place", descending: false } as const;

/** Of one to four bytes, alone or with cases that take other bytes, or other numbers of them. */
const LETTERS = [
  ...[
    "a",
    "A",
    "b",
    "k",
    "K",
    "\u212a",
    "s",
    "S",
    "\u017f",
    "ß",
    "ẞ",
    "İ",
    "i",
    "ı",
    "I",
    "i\u0307",
    "é",
    "É",
    "e\u0301",
  ],
  ...["σ", "ς", "Σ", "ё", "Ё", "р", "Р", "ǆ", "ǅ", "Ǆ", "日", "本", "😀", "\u{10428}", "\u{10400}", "\ud800", "\udc00"],
  ...['"', "\\", "/", " ", ":", "0", "9", "_", "\u007f", "\u0000", "\ufffd", "İ", "ﬀ", "Ω", "\u2126", "ω"],
];

const text = (below: Below, length: number) => Array.from({ length }, () => pick(below, LETTERS)).join("");

/** The sieve of texts, each taken by itself. */
function sieveOf(...texts: readonly string[]): Sieve {
  const sifter = new Sifter();
  for (const one of texts) {
    const bytes = encoder.encode(`-${one}-`);
    sifter.add(bytes, 1, bytes.length - 1);
  }
  return sifter.sieve();
}

const finds = (needle: string, hay: string) => {
  const bytes = encoder.encode(hay);
  return new Needle(needle).find(bytes, 0, bytes.length) >= 0;
};

test("a sieve keeps back no text that is there, in any case of its letters", () => {
  const below = chance(31);
  let found = 0;
  for (let nth = 0; nth < 6000; nth += 1) {
    const hay = text(below, 1 + below(24));
    const letters = [...hay];
    const from = below(letters.length);
    const part = letters.slice(from, from + 1 + below(9)).map((letter) => pick(below, casesOf(letter)));
    const sought = below(8) === 0 ? text(below, 1 + below(4)) : part.join("");
    if (finds(sought, hay)) {
      found += 1;
      assert.ok(sieveOf("before", hay, "after").passes(new Clue(sought)), JSON.stringify([sought, hay]));
    }
  }
  assert.ok(found > 4000);
});

test("a sieve keeps back no letter by any of its cases", () => {
  for (let point = 0; point < 0x1_0000 * 2; point += 1) {
    const letter = String.fromCodePoint(point);
    if (letter.toLowerCase() === letter && letter.toUpperCase() === letter) {
      continue;
    }
    const cases = casesOf(letter);
    const sieve = sieveOf(`tail${letter}head${letter}`);
    for (const one of cases) {
      const sought = `TAIL${one}hEAD${one}`;
      assert.ok(sieve.passes(new Clue(sought)), `${point.toString(16)} by ${sought}`);
    }
  }
});

test("a sieve keeps back most texts that are not there, and says nothing of the shortest", () => {
  const below = chance(32);
  const id = () => Array.from({ length: 12 }, () => "0123456789abcdef"[below(16)]).join("");
  const there = Array.from({ length: 1500 }, id);
  const sieve = sieveOf(...there);
  assert.ok(there.every((one) => sieve.passes(new Clue(one.toUpperCase()))));
  const passed = Array.from({ length: 500 }, id).filter((one) => sieve.passes(new Clue(one)));
  assert.ok(passed.length < 50, `${passed.length}`);
  for (const one of ["", "z", "zzz", "日"]) {
    assert.ok(sieve.passes(new Clue(one)), one);
  }
  for (const one of ["Привет, мир", "Αλφάβητο", "Ångström", "日本語", "naïve é", "sss?kkk"]) {
    assert.ok(!sieve.passes(new Clue(one)), one);
  }
});

test("a sieve is of what was taken since the one before", () => {
  const sifter = new Sifter();
  const take = (one: string) => {
    const bytes = encoder.encode(one);
    sifter.add(bytes, 0, bytes.length);
    return sifter.sieve();
  };
  const [first, second, odd, last] = [take("first text"), take("second one"), take("\u017f\u212a"), take("")];
  assert.deepEqual(
    [first, second, odd, last].map((sieve) =>
      ["FIRST", "second", "anything"].map((one) => sieve.passes(new Clue(one))),
    ),
    [
      [true, false, false],
      [false, true, false],
      [true, true, true],
      [false, false, false],
    ],
  );
});

/** Lines that a search finds, while events come in. */
async function found(query: Query, log: readonly Leaf[], below: Below): Promise<{ lines: number[]; read: number }> {
  const events = log.filter(({ kind }) => kind === "event");
  let read = 0;
  class Counting extends Texts {
    override stretch(chunk: number, first: number, last: number): Promise<Stretch> {
      read += last - first + 1;
      return super.stretch(chunk, first, last);
    }
  }
  const table = new Table();
  const texts = new Counting(table.places, table.lengths, 8 << 10, 2 << 10);
  const search = new Search(query, table, texts);
  for (let from = 0; from < events.length || (await search.read(below(2) === 0)) || search.judge(); ) {
    const to = from + below(events.length);
    const lines = events.slice(from, to).map(batchLine);
    table.add(encoder.encode(lines.join("")), texts);
    from = to;
    while (search.judge()) {}
    for (let reads = below(4); reads > 0; reads -= 1) {
      await search.read(below(2) === 0);
    }
  }
  assert.deepEqual([search.searched, search.isReading], [events.length, false]);
  const rows = Array.from({ length: table.size }, (_, row) => row).filter((row) => search.masks.get(row) === 0);
  assert.ok(rows.every((row) => (search.masks.get(row) & UNREAD) === 0));
  return { lines: rows.map((row) => table.lines.get(row)), read };
}

test("a search by parts finds what a slow search finds, and reads less", async () => {
  let [read, all] = [0, 0];
  for (let seed = 41; seed < 49; seed += 1) {
    const below = chance(seed);
    const log = leaves(below, 200);
    for (let asked = 0; asked < 12; asked += 1) {
      const sought = () => {
        const event =
          pick(
            below,
            log.filter(({ kind }) => kind === "event"),
          ).event?.read ?? "";
        const from = below(event.length);
        const part = below(3) === 0 ? word(below) : event.slice(from, from + 1 + below(12));
        return part.slice(0, 40).toWellFormed();
      };
      const path = { member: pick(below, ["metadata.note", "a.b", "__proto__", "context.deep", "no.where"]) };
      const values =
        below(2) === 0 ? ["*"] : [`*${word(below).slice(0, 6).replace(/[\\*]/g, "\\$&").toWellFormed()}*`, "42"];
      const query: Query = {
        conditions: below(2) === 0 ? [{ ...path, values, not: below(4) === 0 }] : [],
        words: below(3) === 0 ? [] : Array.from({ length: 1 + below(2) }, sought),
        since: undefined,
        until: undefined,
      };
      const expected = answer(log, query, BY_PLACE).events.map(({ line }) => line);
      const { lines, read: rows } = await found(query, log, below);
      assert.deepEqual(lines, expected, JSON.stringify(query));
      read += rows;
      all += log.length;
    }
  }
  assert.ok(read < all * 0.6, `${read} of ${all}`);
});

test("text that one event has is found without reading the others, however it is written", async () => {
  const table = new Table();
  const read: number[] = [];
  class Counting extends Texts {
    override stretch(chunk: number, first: number, last: number): Promise<Stretch> {
      read.push(last - first + 1);
      return super.stretch(chunk, first, last);
    }
  }
  const texts = new Counting(table.places, table.lengths);
  const note = "everyday note ".repeat(30);
  const events = Array.from({ length: 5000 }, (_, nth) => `{"action":"a","note":"${note}${nth}"}`);
  events[700] = '{"note":"\\u0052are \\u0074ext","path":"\\/etc\\/\\u0070asswd","face":"\\ud83d\\ude00!!"}';
  table.add(batchOf(events), texts);
  for (const [words, member] of [
    [["rare TEXT"], undefined],
    [["/etc/passwd"], undefined],
    [["😀!!"], undefined],
    [["everyday", "rare text", "nowhere"], undefined],
    [[], "path"],
  ] as const) {
    read.length = 0;
    const conditions = member === undefined ? [] : [{ member, values: ["*passwd"], not: false }];
    const search = new Search({ conditions, words, since: undefined, until: undefined }, table, texts);
    while (search.judge()) {}
    while (await search.read(false)) {}
    const isThere = !words.some((one) => one === "nowhere");
    assert.deepEqual([search.found, search.searched], [isThere ? 1 : 0, 5000], `${words}`);
    const sum = read.reduce((all, rows) => all + rows, 0);
    // What came last is in no part yet, and is read.
    assert.ok(sum < 1500, `${words}: ${sum} rows were read`);
  }
});
