/** Merkle trees (RFC 6962) of a log's entries. */

import { hash } from "node:crypto";

/** Returns the SHA-256 hash of the concatenated parts. */
export const sha256 = (...parts: readonly (string | Uint8Array)[]): Buffer =>
  hash("sha256", Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : part))), "buffer");

export const leafHash = (entry: string | Uint8Array): Buffer => sha256(Buffer.of(0), entry);

const nodeHash = (left: Uint8Array, right: Uint8Array) => sha256(Buffer.of(1), left, right);

/** Returns the largest power of two that is less than a size of at least 2. */
const split = (size: number) => 2 ** Math.ceil(Math.log2(size) - 1);

export class MerkleTree {
  /** The roots of the complete subtrees of each height. */
  readonly #levels: Buffer[][] = [[]];

  constructor(entries: readonly string[] = []) {
    for (const entry of entries) {
      this.append(entry);
    }
  }

  copy(): MerkleTree {
    const copy = new MerkleTree();
    copy.#levels.splice(0, 1, ...this.#levels.map((level) => [...level]));
    return copy;
  }

  get size(): number {
    return this.#level(0).length;
  }

  append(entry: string): void {
    let node = leafHash(entry);
    for (let height = 0; ; height++) {
      const level = this.#level(height);
      level.push(node);
      const [left] = level.slice(-2);
      if (level.length % 2 === 1 || left === undefined) {
        return;
      }
      node = nodeHash(left, node);
    }
  }

  /** Returns the root of the first `size` entries. */
  root(size = this.size): Buffer {
    return size === 0 ? sha256() : this.#subtree(0, size);
  }

  /** Returns the inclusion proof of an entry in the tree of the first `size` entries. */
  inclusion(index: number, size = this.size, begin = 0, end = size): Buffer[] {
    if (end - begin === 1) {
      return [];
    }
    const middle = begin + split(end - begin);
    return index < middle
      ? [...this.inclusion(index, size, begin, middle), this.#subtree(middle, end)]
      : [...this.inclusion(index, size, middle, end), this.#subtree(begin, middle)];
  }

  /** Returns the consistency proof between two sizes, which has no hashes from size 0, to the same size, or backward. */
  consistency(from: number, to = this.size): Buffer[] {
    return from === 0 || from >= to ? [] : this.#subproof(from, 0, to, true);
  }

  /** Returns the roots of the perfect subtrees of the first `size` entries, from left to right. */
  edge(size: number): Buffer[] {
    const roots: Buffer[] = [];
    for (let begin = 0; begin < size; ) {
      const width = 2 ** Math.floor(Math.log2(size - begin));
      roots.push(this.#subtree(begin, begin + width));
      begin += width;
    }
    return roots;
  }

  /** Returns the roots of complete subtrees of one height, from one on; fewer than `count` at the end. */
  subtrees(height: number, begin: number, count: number): Buffer[] {
    return this.#level(height).slice(begin, begin + count);
  }

  #subproof(from: number, begin: number, end: number, isWhole: boolean): Buffer[] {
    if (from === end) {
      return isWhole ? [] : [this.#subtree(begin, end)];
    }
    const middle = begin + split(end - begin);
    return from <= middle
      ? [...this.#subproof(from, begin, middle, isWhole), this.#subtree(middle, end)]
      : [...this.#subproof(from, middle, end, false), this.#subtree(begin, middle)];
  }

  #subtree(begin: number, end: number): Buffer {
    const width = end - begin;
    const height = Math.log2(width);
    const complete = Number.isInteger(height) ? this.#level(height)[begin / width] : undefined;
    if (complete !== undefined) {
      return complete;
    }
    const middle = begin + split(width);
    return nodeHash(this.#subtree(begin, middle), this.#subtree(middle, end));
  }

  #level(height: number): Buffer[] {
    this.#levels[height] ??= [];
    return this.#levels[height];
  }
}
