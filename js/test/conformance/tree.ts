/** The Merkle tree and proofs of RFC 6962, written for readability. */

import assert from "node:assert/strict";
import { hash, openNote } from "./keys.ts";

export const leafHash = (leaf: string | Uint8Array): Buffer => hash(Buffer.of(0), leaf);
export const nodeHash = (left: Uint8Array, right: Uint8Array): Buffer => hash(Buffer.of(1), left, right);

/** Returns the greatest power of two below `size`, which is above 1. */
const half = (size: number) => 2 ** Math.ceil(Math.log2(size) - 1);

/** Returns the root of a tree with these leaf hashes. */
export function root(hashes: readonly Uint8Array[]): Uint8Array {
  const [first] = hashes;
  if (first === undefined) {
    return hash();
  }
  if (hashes.length === 1) {
    return first;
  }
  const middle = half(hashes.length);
  return nodeHash(root(hashes.slice(0, middle)), root(hashes.slice(middle)));
}

/** Returns the inclusion proof of the entry at this index. */
export function inclusionProof(index: number, hashes: readonly Uint8Array[]): Uint8Array[] {
  if (hashes.length === 1) {
    return [];
  }
  const middle = half(hashes.length);
  const [left, right] = [hashes.slice(0, middle), hashes.slice(middle)];
  return index < middle
    ? [...inclusionProof(index, left), root(right)]
    : [...inclusionProof(index - middle, right), root(left)];
}

/** Returns the consistency proof from the tree with the first `size` of these leaf hashes. */
export function consistencyProof(size: number, hashes: readonly Uint8Array[]): Uint8Array[] {
  const prove = (from: number, hashes: readonly Uint8Array[], whole: boolean): Uint8Array[] => {
    if (from === hashes.length) {
      return whole ? [] : [root(hashes)];
    }
    const middle = half(hashes.length);
    const [left, right] = [hashes.slice(0, middle), hashes.slice(middle)];
    return from <= middle
      ? [...prove(from, left, whole), root(right)]
      : [...prove(from - middle, right, false), root(left)];
  };
  return prove(size, hashes, true);
}

/** Returns the root computed from an inclusion proof. */
function led(leaf: Uint8Array, index: number, size: number, path: readonly Uint8Array[]): Uint8Array {
  if (size === 1) {
    assert.deepEqual(path, [], "the proof has the required length");
    return leaf;
  }
  const [sibling, rest] = [path.at(-1), path.slice(0, -1)];
  assert.ok(sibling, "the proof has the required length");
  const middle = half(size);
  return index < middle
    ? nodeHash(led(leaf, index, middle, rest), sibling)
    : nodeHash(sibling, led(leaf, index - middle, size - middle, rest));
}

/** Returns both roots computed from a consistency proof and the older root. */
export function grown(
  older: { size: number; root: Uint8Array },
  size: number,
  path: readonly Uint8Array[],
): [older: Uint8Array, newer: Uint8Array] {
  const lead = (from: number, to: number, path: readonly Uint8Array[], whole: boolean): [Uint8Array, Uint8Array] => {
    const [last, rest] = [path.at(-1), path.slice(0, -1)];
    if (from === to) {
      assert.equal(path.length, whole ? 0 : 1, "the proof has the required length");
      return [last ?? older.root, last ?? older.root];
    }
    assert.ok(last, "the proof has the required length");
    const middle = half(to);
    if (from <= middle) {
      const [before, left] = lead(from, middle, rest, whole);
      return [before, nodeHash(left, last)];
    }
    const [before, right] = lead(from - middle, to - middle, rest, false);
    return [nodeHash(last, before), nodeHash(last, right)];
  };
  return lead(older.size, size, path, true);
}

/** A checkpoint signed by its log. */
export interface Checkpoint {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
}

/** Returns the checkpoint of the log with this key, without extension lines; otherwise throws. */
export function openCheckpoint(note: string, vkey: string): Checkpoint {
  const [origin = "", size = "", root = "", ...rest] = openNote(note, vkey).split("\n");
  assert.deepEqual(rest, [""]);
  assert.match(size, /^(0|[1-9]\d*)$/);
  assert.equal(origin, vkey.split("+")[0]);
  const bytes = Buffer.from(root, "base64");
  assert.deepEqual([bytes.length, bytes.toString("base64")], [32, root]);
  return { origin, size: Number(size), root: bytes };
}

/** Returns the index and checkpoint of a C2SP tlog-proof for this leaf; otherwise throws. */
export function openProof(proof: string, leaf: string, vkey: string): { index: number; checkpoint: Checkpoint } {
  const end = proof.indexOf("\n\n");
  const [first, index = "", ...path] = proof.slice(0, end).split("\n");
  assert.equal(first, "c2sp.org/tlog-proof@v1");
  const place = Number(/^index (0|[1-9]\d*)$/.exec(index)?.[1]);
  const checkpoint = openCheckpoint(proof.slice(end + 2), vkey);
  assert.ok(place < checkpoint.size, index);
  const hashes = path.map((line) => Buffer.from(line, "base64"));
  assert.deepEqual(Buffer.from(led(leafHash(leaf), place, checkpoint.size, hashes)), checkpoint.root);
  return { index: place, checkpoint };
}
