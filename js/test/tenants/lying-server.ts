/** An in-memory server of tenants' logs that can show several histories of them (SPEC section 16). */

import { randomBytes } from "node:crypto";
import type { LogServerOptions } from "../../packages/countersign/dist/deliver/log-server.js";
import { hash, Signer } from "../conformance/keys.ts";
import { consistencyProof, inclusionProof, leafHash, root } from "../conformance/tree.ts";
import { json, linesOf, placeOf, refusal } from "../deliver/log.ts";

const ROOT = "log.example/audit";
const KEY = new Signer(ROOT, 1);
const DEPTH = 8;
const BEGIN = Date.UTC(2026, 0, 1);
/** The tick of the first anchor. */
const ANCHOR = 4_095;
const FILLER = leafHash("a directory of no interest");

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
const timeAt = (tick: number) => new Date(BEGIN + 1000 * tick).toISOString();

/** A head of a tenant's log at a tick. */
interface Head {
  readonly leaves: readonly string[];
  readonly salt: Buffer;
}

/** The directory of a tick. */
interface Directory {
  readonly heads: ReadonlyMap<string, Head>;
  readonly leaves: readonly Buffer[];
  readonly entry: string;
}

/** An answer's part about one log. */
export interface LogAnswer {
  anchors?: { anchor: string; consistency: string[] }[];
  consistency?: string[];
  [member: string]: unknown;
}

export class LyingServer {
  readonly vkey = KEY.vkey;
  /** The entries of each tenant's log, by its ID. */
  readonly logs = new Map<string, string[]>();
  /** The values of `since` in the submissions, by the log's ID. */
  readonly stated = new Map<string, (string | null)[]>();
  /** Changes the answers of a log. */
  alter: ((id: string, answer: LogAnswer) => LogAnswer) | undefined;
  readonly #directories = new Map<number, Directory>();
  #tick = 100;

  /** The option `to` for recorders. */
  get to(): LogServerOptions {
    return { url: "https://log.example", fetch: async (url, init) => this.#submitted(new URL(url), init) };
  }

  /** Creates a log whose ID begins with this byte, and returns its origin. */
  add(first: number): string {
    const id = `${first.toString(16).padStart(2, "0")}${"0".repeat(30)}`;
    this.logs.set(id, []);
    return `${ROOT}/t/${id}`;
  }

  /** Passes the first anchor, at which the logs have these entries instead of their own. */
  passAnchor(histories: ReadonlyMap<string, readonly string[]> = new Map()): void {
    this.#tick = ANCHOR;
    this.#commit(new Map([...this.logs].map(([id, leaves]) => [id, histories.get(id) ?? leaves])));
  }

  #commit(histories: ReadonlyMap<string, readonly string[]>): void {
    const heads = new Map([...histories].map(([id, leaves]) => [id, { leaves: [...leaves], salt: randomBytes(16) }]));
    const leaves = Array.from({ length: 2 ** DEPTH }, () => randomBytes(32) as Buffer);
    for (const [id, head] of heads) {
      leaves[slotOf(id)] = headLeaf(`${ROOT}/t/${id}`, head);
    }
    const top = levels(leaves).at(-1)?.[0] ?? Buffer.alloc(0);
    const directory = hash("countersign/v1 directory", Buffer.of(0, DEPTH), top);
    const entry = `countersign/v1 directory ${timeAt(this.#tick)} ${base64(directory)}`;
    this.#directories.set(this.#tick, { heads, leaves, entry });
  }

  #submitted(url: URL, { body }: RequestInit): Response {
    const id = /\/t\/([0-9a-f]{32})\/submit$/.exec(url.pathname)?.[1] ?? "";
    const log = this.logs.get(id);
    if (log === undefined) {
      return refusal(404, "tenant.unknown");
    }
    const since = url.searchParams.get("since");
    this.stated.set(id, [...(this.stated.get(id) ?? []), since]);
    const tips = new Map<string, string>();
    for (const { link } of linesOf(new TextDecoder().decode(body as Uint8Array))) {
      if (!log.includes(link)) {
        log.push(link);
      }
      tips.set(placeOf(link).chain, link);
    }
    this.#tick++;
    this.#commit(this.logs);
    const hashes = log.map((link) => leafHash(link));
    const chains = Array.from(tips, ([chain, link]) => {
      const index = log.indexOf(link);
      return [chain, { seq: placeOf(link).seq, index, hashes: inclusionProof(index, hashes).map(base64) }];
    });
    const answer: LogAnswer = {
      head: this.#lines("head", id, this.#tick),
      chains: Object.fromEntries(chains),
      notes: [],
      ...this.#growth(id, log, since ?? "0,0"),
    };
    const logs = { [`${ROOT}/t/${id}`]: this.alter?.(id, answer) ?? answer };
    return json(200, { root: this.#proof("c2sp.org/tlog-proof@v1\n", this.#tick, this.#checkpoint()), logs });
  }

  #growth(id: string, log: readonly string[], since: string): LogAnswer {
    const [size = 0, tick = 0] = since.split(",").map(Number);
    const anchored = this.#directories.get(ANCHOR)?.heads.get(id)?.leaves;
    if (anchored === undefined || ANCHOR >= this.#tick || ANCHOR < tick) {
      return { anchors: [], consistency: grown(size, log) };
    }
    const anchor = this.#lines("anchor", id, ANCHOR) + this.#proof("\n", ANCHOR, "");
    return {
      anchors: [{ anchor, consistency: grown(size, anchored) }],
      consistency: grown(anchored.length, log),
    };
  }

  /** Returns the lines of a head or an anchor before its empty line. */
  #lines(kind: "head" | "anchor", id: string, tick: number): string {
    const { heads, leaves } = this.#directories.get(tick) as Directory;
    const head = heads.get(id) as Head;
    const slot = slotOf(id);
    const siblings = levels(leaves)
      .slice(0, DEPTH)
      .map((level, height) => base64(level[(slot >> height) ^ 1] as Buffer));
    const lines = [head.leaves.length, base64(rootOf(head.leaves)), "live", base64(head.salt), timeAt(tick)];
    return [`countersign/v1 ${kind}`, `${ROOT}/t/${id}`, ...lines, ...siblings, ""].join("\n");
  }

  #checkpoint(): string {
    const hashes = this.#hashes();
    return `\n${KEY.note(`${ROOT}\n${hashes.length}\n${base64(root(hashes))}\n`)}`;
  }

  #proof(begin: string, tick: number, end: string): string {
    const path = inclusionProof(tick, this.#hashes()).map((one) => `${base64(one)}\n`);
    return `${begin}index ${tick}\n${path.join("")}${end}`;
  }

  #hashes(): Buffer[] {
    return Array.from({ length: this.#tick + 1 }, (_, tick) => {
      const directory = this.#directories.get(tick);
      return directory === undefined ? FILLER : leafHash(directory.entry);
    });
  }
}

const slotOf = (id: string) => Number.parseInt(id.slice(0, DEPTH / 4), 16);

const rootOf = (leaves: readonly string[]) => root(leaves.map((leaf) => leafHash(leaf)));

function headLeaf(origin: string, { leaves, salt }: Head): Buffer {
  const size = Buffer.alloc(8);
  size.writeBigUInt64BE(BigInt(leaves.length));
  const named = [Buffer.of(origin.length), origin, Buffer.of(0), size, rootOf(leaves)];
  return hash("countersign/v1 head", Buffer.of(0), salt, ...named);
}

/** Returns the levels of a directory, from the leaves up. */
function levels(leaves: readonly Buffer[]): Buffer[][] {
  const all = [[...leaves]];
  for (let level = all[0] ?? []; level.length > 1; level = all.at(-1) ?? []) {
    const pairs = level.filter((_, at) => at % 2 === 0);
    all.push(
      pairs.map((left, at) => hash("countersign/v1 node", Buffer.of(0), left, level[2 * at + 1] ?? Buffer.alloc(0))),
    );
  }
  return all;
}

/** Returns a consistency proof from this size; none if the log has fewer entries. */
function grown(size: number, leaves: readonly string[]): string[] {
  const hashes = leaves.map((leaf) => leafHash(leaf));
  return size > 0 && size < leaves.length ? consistencyProof(size, hashes).map(base64) : [];
}
