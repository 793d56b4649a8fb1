/** The tiles that publish a log's tree (C2SP tlog-tiles). */

import assert from "node:assert/strict";
import { leafHash, root } from "./tree.ts";

const WIDTH = 256;

/** A tile's position, and its number of hashes or entries. */
export interface Tile {
  /** Its contents: hashes of a level, or the entries themselves. */
  readonly level: number | "entries";
  readonly index: number;
  readonly width: number;
}

/** Returns all tiles of one level for a tree of this size. */
function level(level: Tile["level"], size: number): Tile[] {
  const count = Math.floor(size / WIDTH ** (level === "entries" ? 0 : level));
  return Array.from({ length: Math.ceil(count / WIDTH) }, (_, index) => ({
    level,
    index,
    width: Math.min(WIDTH, count - index * WIDTH),
  }));
}

/** Returns all bundles for a tree of this size. */
export const bundlesOf = (size: number): Tile[] => level("entries", size);

/** Returns all hash tiles for a tree of this size. */
export const tilesOf = (size: number): Tile[] => [0, 1, 2, 3, 4, 5, 6].flatMap((number) => level(number, size));

/** Returns a tile's path: `/tile/0/x001/x234/067`, or `/tile/1/000.p/17` for a partial one. */
export function pathOf({ level, index, width }: Tile): string {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/\d{3}/g) ?? [];
  const place = groups.map((group, number) => (number === groups.length - 1 ? group : `x${group}`)).join("/");
  return `/tile/${level}/${place}${width === WIDTH ? "" : `.p/${width}`}`;
}

/** Returns the entries of a bundle with this many. */
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

/** Returns the hashes in all tiles of a log with these entries, by level. */
export function hashesOf(entries: readonly Uint8Array[]): Uint8Array[][] {
  const levels = [entries.map(leafHash) as Uint8Array[]];
  for (let below = levels[0] ?? []; below.length >= WIDTH; below = levels.at(-1) ?? []) {
    const full = Math.floor(below.length / WIDTH);
    levels.push(Array.from({ length: full }, (_, at) => root(below.slice(at * WIDTH, (at + 1) * WIDTH))));
  }
  return levels;
}

/** Returns the expected contents of a tile. */
export function expected({ level, index, width }: Tile, hashes: readonly Uint8Array[][]): Buffer {
  assert.ok(level !== "entries");
  return Buffer.concat(hashes[level]?.slice(index * WIDTH, index * WIDTH + width) ?? []);
}
