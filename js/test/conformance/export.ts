/** Exports, read line by line: SPEC section 7. */

import assert from "node:assert/strict";
import type { Json } from "./http.ts";
import { LOG, ORIGIN } from "./setup.ts";
import { leafHash, nodeHash, openCheckpoint } from "./tree.ts";

/** A leaf that is here. */
export interface Leaf {
  readonly index: number;
  /** The line, as it stands. */
  readonly text: string;
  readonly link?: string;
  readonly note?: string;
  readonly salt?: string;
  readonly event?: { [name: string]: Json };
  readonly withheld?: string;
}

/** An export whose tree leads to each of its checkpoints. */
export interface Export {
  readonly range: readonly [number, number] | undefined;
  readonly entries: readonly Leaf[];
  /** The sizes at which there is a checkpoint, the last at the end. */
  readonly checkpoints: readonly number[];
  /** How many times leaves were left out by more skips than need be. */
  readonly broken: number;
  readonly size: number;
}

/** The right edge of a tree that is being read. */
class Edge {
  size = 0;
  #peaks: { level: number; hash: Uint8Array }[] = [];

  /** Adds the root of 2^level leaves. */
  add(level: number, hash: Uint8Array): void {
    assert.equal(this.size % 2 ** level, 0, "a skip is aligned");
    this.size += 2 ** level;
    let top = { level, hash };
    for (let last = this.#peaks.at(-1); last?.level === top.level; last = this.#peaks.at(-1)) {
      top = { level: top.level + 1, hash: nodeHash(last.hash, top.hash) };
      this.#peaks.pop();
    }
    this.#peaks.push(top);
  }

  get root(): Uint8Array | undefined {
    const [last, ...before] = this.#peaks.toReversed();
    return last && before.reduce<Uint8Array>((right, { hash }) => nodeHash(hash, right), last.hash);
  }
}

/** How few skips lead from one index to another. */
function fewest(from: number, to: number): number {
  let skips = 0;
  for (let at = from; at < to; skips++) {
    let size = 1;
    while (at % (size * 2) === 0 && at + size * 2 <= to) {
      size *= 2;
    }
    at += size;
  }
  return skips;
}

/** Reads an export of the log; where anything is not as it must be, it throws. */
export function readExport(text: string): Export {
  assert.ok(text.endsWith("\n"));
  const [first = "", ...lines] = text.slice(0, -1).split("\n");
  const { countersign, origin, range, ...more } = JSON.parse(first);
  assert.deepEqual([countersign, origin, more], ["export/v1", ORIGIN, {}]);
  const [entries, checkpoints]: [Leaf[], number[]] = [[], []];
  const edge = new Edge();
  let run = { from: 0, skips: 0 };
  let broken = 0;
  for (const line of lines) {
    const { skip, checkpoint, ...rest } = JSON.parse(line);
    if (skip !== undefined) {
      run.skips += 1;
      edge.add(skip[0], Buffer.from(skip[1], "base64"));
      continue;
    }
    broken += Number(run.skips > fewest(run.from, edge.size));
    if (checkpoint === undefined) {
      entries.push({ index: edge.size, text: line, ...rest });
      edge.add(0, leafHash(rest.link ?? rest.note));
      run = { from: edge.size, skips: 0 };
      continue;
    }
    run = { from: edge.size, skips: 0 };
    const { size, root } = openCheckpoint(checkpoint, LOG.vkey);
    assert.equal(size, edge.size);
    assert.deepEqual(Buffer.from(edge.root ?? root), root);
    checkpoints.push(size);
  }
  assert.equal(checkpoints.at(-1), edge.size, "it ends with a checkpoint");
  return { range, entries, checkpoints, broken, size: edge.size };
}

/** The events that are shown. */
export const shown = ({ entries }: Export): Leaf[] => entries.filter(({ event }) => event !== undefined);
