import type { Hash } from "./hash.js";
import { Numbers } from "./numbers.js";
import { same } from "./utf8.js";

/** The code of a member that is not there. */
export const ABSENT = 0;
/** The code of a value that is too long to be kept, or for which there was no room: the event itself must be read. */
export const UNKEPT = 1;
/** The first code of a value. */
export const FIRST = 2;

const SHIFT = 18;
const PAGE = 1 << SHIFT;
const MASK = PAGE - 1;
/** How many values found lately are looked at before the table. */
const RECENT = 256;
/** With more values than this, what was found lately is seldom what comes next. */
const MOST_RECENT = 1024;

/** Memory for values, shared by dictionaries, so that together they take no more than there is for them. */
export class Arena {
  /** The length of the longest value that is kept. */
  readonly longest: number;
  readonly #pages: Uint8Array[] = [];
  readonly #most: number;
  #used = 0;
  #full = false;

  constructor(mostBytes = Number.POSITIVE_INFINITY, longest = PAGE) {
    this.#most = Math.ceil(mostBytes / PAGE);
    this.longest = longest;
  }

  /** Keeps a copy and gives its place, or -1 where there is no room. No value lies across two pages. */
  put(bytes: Uint8Array, begin: number, length: number): number {
    if (this.#full) {
      return -1;
    }
    if (this.#pages.length === 0 || this.#used + length > PAGE) {
      if (this.#pages.length >= this.#most) {
        this.#full = true;
        return -1;
      }
      this.#pages.push(new Uint8Array(PAGE));
      this.#used = 0;
    }
    const page = this.#pages.length - 1;
    const place = page * PAGE + this.#used;
    const into = this.page(place);
    for (let at = 0; at < length; at += 1) {
      into[this.#used + at] = bytes[begin + at] ?? 0;
    }
    this.#used += length;
    return place;
  }

  /** The bytes in which the value at a place lies, from {@link within} on. */
  page(place: number): Uint8Array {
    return this.#pages[place >>> SHIFT] ?? NOTHING;
  }

  within(place: number): number {
    return place & MASK;
  }
}

const NOTHING = new Uint8Array(0);

/** The values of a column, each once, by codes. No value is a string: a million of them would take ten times as much. */
export class Dictionary {
  readonly #arena: Arena;
  readonly #hash: Hash;
  readonly #places = new Numbers(4);
  readonly #lengths = new Numbers();
  /** Codes by hash; 0 where there is none. */
  #table = new Uint32Array(1 << 6);
  /** The hash of each of these. */
  #hashes = new Uint32Array(1 << 6);
  readonly #recent = new Uint32Array(RECENT);

  constructor(arena: Arena, hash: Hash) {
    this.#arena = arena;
    this.#hash = hash;
  }

  /** One more than the greatest code. */
  get end(): number {
    return this.#places.length + FIRST;
  }

  /** The code of a value. */
  code(bytes: Uint8Array, begin: number, end: number): number {
    const length = end - begin;
    if (length > this.#arena.longest) {
      return UNKEPT;
    }
    if (length === 0 || this.#places.length > MOST_RECENT) {
      return this.#find(bytes, begin, length);
    }
    const hint = this.#hint(bytes, begin, length);
    const recent = this.#recent[hint] ?? 0;
    if (recent !== 0 && this.#is(recent, bytes, begin, length)) {
      return recent;
    }
    const code = this.#find(bytes, begin, length);
    if (code !== UNKEPT) {
      this.#recent[hint] = code;
    }
    return code;
  }

  /** The code of a value that is kept. */
  known(bytes: Uint8Array, begin: number, length: number): number | undefined {
    const hash = this.#hash.of(bytes, begin, length);
    return this.#table[this.#slotOf(hash, bytes, begin, length)] || undefined;
  }

  /** Looks at a value's bytes. */
  look<T>(code: number, see: (bytes: Uint8Array, begin: number, end: number) => T): T {
    const place = this.#places.get(code - FIRST);
    const begin = this.#arena.within(place);
    return see(this.#arena.page(place), begin, begin + this.#lengths.get(code - FIRST));
  }

  /** Looks at the bytes of all values from a code on. */
  each(from: number, see: (code: number, bytes: Uint8Array, begin: number, end: number) => void): void {
    for (let code = from; code < this.end; code += 1) {
      const place = this.#places.get(code - FIRST);
      const begin = this.#arena.within(place);
      see(code, this.#arena.page(place), begin, begin + this.#lengths.get(code - FIRST));
    }
  }

  #hint(bytes: Uint8Array, begin: number, length: number): number {
    const last = begin + length - 1;
    return ((bytes[begin] ?? 0) + length * 31 + (bytes[last] ?? 0) * 7 + (bytes[last - 1] ?? 0) * 13) & (RECENT - 1);
  }

  #find(bytes: Uint8Array, begin: number, length: number): number {
    const hash = this.#hash.of(bytes, begin, length);
    const slot = this.#slotOf(hash, bytes, begin, length);
    const known = this.#table[slot] ?? 0;
    if (known !== 0) {
      return known;
    }
    const place = this.#arena.put(bytes, begin, length);
    if (place < 0) {
      return UNKEPT;
    }
    const code = this.end;
    this.#places.push(place);
    this.#lengths.push(length);
    this.#table[slot] = code;
    this.#hashes[slot] = hash;
    if (this.#places.length * 2 > this.#table.length) {
      this.#grow();
    }
    return code;
  }

  /** Where in the table the code of a value stands, or would. */
  #slotOf(hash: number, bytes: Uint8Array, begin: number, length: number): number {
    const table = this.#table;
    const mask = table.length - 1;
    let slot = hash & mask;
    for (let code = table[slot] ?? 0; code !== 0; code = table[slot] ?? 0) {
      if (this.#hashes[slot] === hash && this.#is(code, bytes, begin, length)) {
        break;
      }
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #is(code: number, bytes: Uint8Array, begin: number, length: number): boolean {
    if (this.#lengths.get(code - FIRST) !== length) {
      return false;
    }
    const place = this.#places.get(code - FIRST);
    return same(bytes, begin, length, this.#arena.page(place), this.#arena.within(place));
  }

  #grow(): void {
    const table = new Uint32Array(this.#table.length * 2);
    const hashes = new Uint32Array(table.length);
    const mask = table.length - 1;
    for (let from = 0; from < this.#table.length; from += 1) {
      const code = this.#table[from] ?? 0;
      if (code !== 0) {
        const hash = this.#hashes[from] ?? 0;
        let slot = hash & mask;
        while (table[slot] !== 0) {
          slot = (slot + 1) & mask;
        }
        table[slot] = code;
        hashes[slot] = hash;
      }
    }
    this.#table = table;
    this.#hashes = hashes;
  }
}
