/** Directories of the root log (SPEC sections 16.2 and 16.3). */

import { randomBytes } from "node:crypto";
import { base64, u64 } from "./notes.ts";
import { sha256 } from "./tree.ts";

export const DEPTH = 8;
const STATES = ["live", "ended", "moved"] as const;

export type State = (typeof STATES)[number];

/** The head of a tenant log. */
export interface Head {
  readonly origin: string;
  readonly size: number;
  readonly root: Buffer;
  readonly state: State;
}

/** The directory of a tick with one tenant log. */
export class Directory {
  readonly head: Head | undefined;
  readonly time: string;
  /** The secret from which salts and the leaves of unused slots are derived. */
  readonly secret: Buffer = randomBytes(32);
  readonly #innerKey = paddedKey(this.secret, 0x36);
  readonly #outerKey = paddedKey(this.secret, 0x5c);
  /** The root log's entry. */
  readonly entry: string;
  /** The hashes of each height, from the leaves up. */
  readonly #levels: Buffer[][];

  constructor(head: Head | undefined, time: string) {
    this.head = head;
    this.time = time;
    const leaves = Array.from({ length: 2 ** DEPTH }, (_, slot) => this.#derive("none", slot));
    if (head !== undefined) {
      leaves[slotOf(head.origin)] = this.#leaf(head);
    }
    this.#levels = [leaves];
    for (let level = leaves; level.length > 1; this.#levels.push(level)) {
      level = level.flatMap((left, at) => {
        const right = level[at + 1];
        return at % 2 === 0 && right !== undefined ? [sha256("countersign/v1 node", Buffer.of(0), left, right)] : [];
      });
    }
    const [top = Buffer.alloc(0)] = this.#levels.at(-1) ?? [];
    const directory = sha256("countersign/v1 directory", Buffer.of(0, DEPTH), top);
    this.entry = `countersign/v1 directory ${time} ${base64(directory)}`;
  }

  /** Returns the lines of a head proof or an anchor before its empty line. */
  lines(kind: "head" | "anchor"): string {
    const { head } = this;
    if (head === undefined) {
      throw new Error("the log did not exist at this tick");
    }
    const slot = slotOf(head.origin);
    const siblings = this.#levels.slice(0, DEPTH).map((level, height) => level[(slot >> height) ^ 1] as Buffer);
    const { origin, size, root, state } = head;
    const fields = [origin, size, base64(root), state, base64(this.#salt(slot)), this.time];
    return [`countersign/v1 ${kind}`, ...fields, ...siblings.map(base64), ""].join("\n");
  }

  #leaf({ origin, size, root, state }: Head): Buffer {
    const salt = this.#salt(slotOf(origin));
    const fields = [Buffer.of(origin.length), origin, Buffer.of(STATES.indexOf(state)), u64(size), root];
    return sha256("countersign/v1 head", Buffer.of(0), salt, ...fields);
  }

  #salt(slot: number): Buffer {
    return this.#derive("salt", slot).subarray(0, 16);
  }

  /** Returns the HMAC of a use and a slot. `createHmac` of `node:crypto` would take most of the time of the tests. */
  #derive(use: string, slot: number): Buffer {
    return sha256(this.#outerKey, sha256(this.#innerKey, use, Buffer.of(0, 0, 0, slot)));
  }
}

/** Returns the slot: the first bits of the log's ID. */
const slotOf = (origin: string) => Number.parseInt(origin.slice(-32).slice(0, DEPTH / 4), 16);

/** Returns a key of HMAC-SHA-256 (RFC 2104), padded to a block and combined with a byte. */
function paddedKey(key: Buffer, byte: number): Buffer {
  const padded = Buffer.alloc(64, byte);
  key.forEach((value, at) => {
    padded[at] = value ^ byte;
  });
  return padded;
}
