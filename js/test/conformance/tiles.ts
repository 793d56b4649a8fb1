/** The tiles in which a log publishes its tree (C2SP tlog-tiles). */

import assert from "node:assert/strict";
import { leafHash, root } from "./tree.ts";

const WIDTH = 256;

/** A tile: its place, and how many hashes (or entries) it has. */
export interface Tile {
  /** What is in it: hashes of that level, or the entries themselves. */
  readonly level: number | "entries";
  readonly index: number;
  readonly width: number;
}

/** All of one level that a tree of that size has. */
function level(level: Tile["level"], size: number): Tile[] {
  const count = Math.floor(size / WIDTH ** (level === "entries" ? 0 : level));
  return Array.from({ length: Math.ceil(count / WIDTH) }, (_, index) => ({
    level,
    index,
    width: Math.min(WIDTH, count - index * WIDTH),
  }));
}

/** All bundles of entries of such a tree. */
export const bundlesOf = (size: number): Tile[] => level("entries", size);

/** All tiles of hashes of such a tree. */
export const tilesOf = (size: number): Tile[] => [0, 1, 2, 3, 4, 5, 6].flatMap((number) => level(number, size));

/** `/tile/0/x001/x234/067`, or `/tile/1/000.p/17` of a partial one. */
export function pathOf({ level, index, width }: Tile): string {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/\d{3}/g) ?? [];
  const place = groups.map((group, number) => (number === groups.length - 1 ? group : `x${group}`)).join("/");
  return `/tile/${level}/${place}${width === WIDTH ? "" : `.p/${width}`}`;
}

/** The entries of a bundle that has so many. */
export function entriesOf(bundle: Buffer, width: number): Buffer[] {
  const entries: Buffer[] = [];
  for (let at = 0; at < bundle.length; ) {
    const end = at + 2 + bundle.readUInt16BE(at);
    assert.ok(end <= bundle.length, "an entry is whole");
    entries.push(bundle.subarray(at + 2, end));
    at = end;
  }
  assert.equal(entries.length, width);
  return entries;
}

/** All hashes that a log of these leaves has in its tiles, by level. */
export function hashesOf(entries: readonly Uint8Array[]): Uint8Array[][] {
  const levels = [entries.map(leafHash) as Uint8Array[]];
  for (let below = levels[0] ?? []; below.length >= WIDTH; below = levels.at(-1) ?? []) {
    const full = Math.floor(below.length / WIDTH);
    levels.push(Array.from({ length: full }, (_, at) => root(below.slice(at * WIDTH, (at + 1) * WIDTH))));
  }
  return levels;
}

/** What a tile has to be, by these hashes. */
export function expected({ level, index, width }: Tile, hashes: readonly Uint8Array[][]): Buffer {
  assert.ok(level !== "entries");
  return Buffer.concat(hashes[level]?.slice(index * WIDTH, index * WIDTH + width) ?? []);
}
