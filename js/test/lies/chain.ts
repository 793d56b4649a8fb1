/** The links of an emitter (SPEC sections 3 and 4). */

import { base64, type SigningKey } from "./notes.ts";
import { leafHash, sha256 } from "./tree.ts";

/** A link, and the event of an event link with its salt. */
export interface Entry {
  readonly link: string;
  readonly salt?: string;
  /** Canonical JSON. */
  readonly event?: string;
}

/** Returns the entry as a line of an export. */
export function lineOf({ link, salt, event }: Entry): string {
  return event === undefined ? JSON.stringify({ link }) : `{"link":"${link}","salt":"${salt}","event":${event}}`;
}

/** Returns the chain that a link belongs to, and its number there. */
export function placeOf(link: string): { chain: string; seq: number } {
  const [, kind, chain = "", seq = ""] = link.split(" ");
  return kind === "open"
    ? { chain: leafHash(link).toString("hex").slice(0, 32), seq: 0 }
    : { chain, seq: Number.parseInt(seq, 10) };
}

/** Writes one chain. Its nonce and salts follow from its name. */
export class Chain {
  readonly entries: Entry[] = [];
  readonly #name: string;
  readonly #key: SigningKey;
  readonly #id: string;
  #last: string;

  constructor(name: string, key: SigningKey, origin: string, time: string) {
    this.#name = name;
    this.#key = key;
    this.#last = this.#signed(`countersign/v1 open ${origin} ${key.vkey} ${time} ${this.#random("nonce")}`);
    this.#id = placeOf(this.#last).chain;
    this.entries.push({ link: this.#last });
  }

  /** Records an event, which is canonical JSON. */
  record(event: string, time: string): void {
    const salt = this.#random(`salt ${this.entries.length}`);
    const commit = sha256("countersign/payload/v1", Buffer.of(0), Buffer.from(salt, "base64"), event);
    const place = `${this.#id} ${this.entries.length} ${time}`;
    this.#last = this.#signed(`countersign/v1 event ${place} ${base64(leafHash(this.#last))} ${base64(commit)}`);
    this.entries.push({ link: this.#last, salt, event });
  }

  #signed(text: string): string {
    return `${text} ${base64(this.#key.sign(text))}`;
  }

  #random(use: string): string {
    return base64(sha256(`${this.#name}: ${use}`).subarray(0, 16));
  }
}
