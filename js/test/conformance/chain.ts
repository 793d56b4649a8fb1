/** Builds an emitter's chain link by link (SPEC section 4), with invalid links where a test needs them. */

import { hash, type Signer } from "./keys.ts";
import { leafHash } from "./tree.ts";

/** The time at which chains begin, long before the current time. */
export const BEGIN = Date.UTC(2020, 0, 1);

/** Formats a time as in links. */
export const time = (millis: number): string => new Date(millis).toISOString();

/** A link and its line in an export. */
export interface Line {
  readonly seq: number;
  readonly link: string;
  readonly text: string;
}

/** Options for a link. */
export interface LinkOptions {
  /** False to omit the link's signature. */
  sign?: boolean;
  /** The signer, by default the chain's key. */
  by?: Signer;
  /** The time in milliseconds, by default one more than the previous link's. */
  at?: number;
}

/** Appends a key's signature to a link. */
export const signed = (link: string, key: Signer): string => `${link} ${key.sign(link)}`;

/** Joins lines to a body. */
export const body = (...lines: readonly (Line | string)[]): string =>
  lines.map((line) => `${typeof line === "string" ? line : line.text}\n`).join("");

/** Returns the line of a link with its event. */
export const eventLine = (link: string, salt: Uint8Array, event: string): string =>
  `{"link":${JSON.stringify(link)},"salt":"${Buffer.from(salt).toString("base64")}","event":${event}}`;

/** A chain being written. The same calls produce the same bytes. */
export class Chain {
  readonly key: Signer;
  readonly lines: Line[];
  #id: string | undefined;

  private constructor(key: Signer, lines: readonly Line[]) {
    this.key = key;
    this.lines = [...lines];
  }

  /** Begins a chain. Another `nonce`, which may be any string, makes it another chain. */
  static begin(key: Signer, origin: string, nonce: string, at = BEGIN): Chain {
    const bytes = hash(`nonce of ${nonce}`).subarray(0, 16);
    const chain = new Chain(key, []);
    chain.#add(signed(`countersign/v1 open ${origin} ${key.vkey} ${time(at)} ${bytes.toString("base64")}`, key));
    return chain;
  }

  /** Returns the name of the chain that an open link begins. */
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

  /** Returns the link with that `seq`. */
  at(seq: number): Line {
    const line = this.lines[seq];
    if (line === undefined) {
      throw new RangeError(`there is no link ${seq}`);
    }
    return line;
  }

  /** Adds an event, given as a value or as its exact JSON. */
  event(event: string | object, { sign = true, by = this.key, at }: LinkOptions = {}): Line {
    const text = typeof event === "string" ? event : JSON.stringify(event);
    const salt = hash(`salt of ${this.id}/${this.lines.length}`).subarray(0, 16);
    const commit = hash("countersign/payload/v1\0", salt, text).toString("base64");
    const link = `${this.#next("event", at ?? this.#time() + 1)} ${commit}`;
    const whole = sign ? signed(link, by) : link;
    return this.#add(whole, eventLine(whole, salt, text));
  }

  /** Adds this many events, of which only the last is signed. */
  events(count: number): this {
    for (let number = 1; number <= count; number++) {
      const seq = this.lines.length;
      this.event({ action: "job.update", actor: { id: `u_${seq % 7}` }, n: seq }, { sign: number === count });
    }
    return this;
  }

  close({ at }: LinkOptions = {}): Line {
    return this.#add(signed(this.#next("close", at ?? this.#time()), this.key));
  }

  /** Returns the lines from one `seq` up to, but not including, another. */
  body(from = 0, to?: number): string {
    return body(...this.lines.slice(from, to));
  }

  /** Returns a copy of the chain that can continue differently. */
  twin(): Chain {
    return new Chain(this.key, this.lines);
  }

  /** Returns the last link's time. */
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
