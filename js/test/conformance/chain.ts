/** An emitter's chain, link by link as SPEC section 4 has it: good ones, and bad ones where a test wants them. */

import { hash, type Signer } from "./keys.ts";
import { leafHash } from "./tree.ts";

/** When chains begin: long before any clock. */
export const BEGIN = Date.UTC(2020, 0, 1);

/** A time as the format writes it. */
export const time = (millis: number): string => new Date(millis).toISOString();

/** One link, and its line of an export. */
export interface Line {
  readonly seq: number;
  readonly link: string;
  readonly text: string;
}

/** How a link is made. */
export interface How {
  /** Whether the link has a signature of its own; by default it has. */
  sign?: boolean;
  /** Who signs, if it is not the chain's own key. */
  by?: Signer;
  /** Its time, in milliseconds; by default one more than the link before it. */
  at?: number;
}

/** A link with the signature of that key. */
export const signed = (link: string, key: Signer): string => `${link} ${key.sign(link)}`;

/** Joins lines to a body. */
export const body = (...lines: readonly (Line | string)[]): string =>
  lines.map((line) => `${typeof line === "string" ? line : line.text}\n`).join("");

/** The line that has an event with its link. */
export const eventLine = (link: string, salt: Uint8Array, event: string): string =>
  `{"link":${JSON.stringify(link)},"salt":"${Buffer.from(salt).toString("base64")}","event":${event}}`;

/** A chain that is being written. The same calls give the same bytes. */
export class Chain {
  readonly key: Signer;
  readonly lines: Line[];
  #id: string | undefined;

  private constructor(key: Signer, lines: readonly Line[]) {
    this.key = key;
    this.lines = [...lines];
  }

  /** Begins a chain; another `nonce`, any text, makes it another one. */
  static begin(key: Signer, origin: string, nonce: string, at = BEGIN): Chain {
    const bytes = hash(`nonce of ${nonce}`).subarray(0, 16);
    const chain = new Chain(key, []);
    chain.#add(signed(`countersign/v1 open ${origin} ${key.vkey} ${time(at)} ${bytes.toString("base64")}`, key));
    return chain;
  }

  /** The chain that this open link begins. */
  static idOf(open: string): string {
    return leafHash(open).subarray(0, 16).toString("hex");
  }

  get id(): string {
    this.#id ??= Chain.idOf(this.at(0).link);
    return this.#id;
  }

  get last(): Line {
    return this.at(this.lines.length - 1);
  }

  /** The link of that seq. */
  at(seq: number): Line {
    const line = this.lines[seq];
    if (line === undefined) {
      throw new RangeError(`there is no link ${seq}`);
    }
    return line;
  }

  /** Adds an event: a value, or the very text that is committed to. */
  event(event: string | object, { sign = true, by = this.key, at }: How = {}): Line {
    const text = typeof event === "string" ? event : JSON.stringify(event);
    const salt = hash(`salt of ${this.id}/${this.lines.length}`).subarray(0, 16);
    const commit = hash("countersign/payload/v1\0", salt, text).toString("base64");
    const link = `${this.#next("event", at ?? this.#time() + 1)} ${commit}`;
    const whole = sign ? signed(link, by) : link;
    return this.#add(whole, eventLine(whole, salt, text));
  }

  /** Adds so many events, of which the last alone is signed. */
  events(count: number): this {
    for (let number = 1; number <= count; number++) {
      const seq = this.lines.length;
      this.event({ action: "job.update", actor: { id: `u_${seq % 7}` }, n: seq }, { sign: number === count });
    }
    return this;
  }

  close({ at }: How = {}): Line {
    return this.#add(signed(this.#next("close", at ?? this.#time()), this.key));
  }

  /** The lines from that seq up to, and not including, another. */
  body(from = 0, to?: number): string {
    return body(...this.lines.slice(from, to));
  }

  /** The same chain up to here, which can go on otherwise. */
  twin(): Chain {
    return new Chain(this.key, this.lines);
  }

  /** The last link's time. */
  #time(): number {
    return Date.parse(this.last.link.split(" ")[4] ?? "");
  }

  #next(kind: string, at: number): string {
    const prev = leafHash(this.last.link).toString("base64");
    return `countersign/v1 ${kind} ${this.id} ${this.lines.length} ${time(at)} ${prev}`;
  }

  #add(link: string, text = JSON.stringify({ link })): Line {
    const line = { seq: this.lines.length, link, text };
    this.lines.push(line);
    return line;
  }
}
