import { casesOf } from "./cases.js";
import { encode } from "./utf8.js";

/** Stands in a dictionary's entry between a type and an identifier, where people read a colon; never in UTF-8. */
export const PARTED = 0xff;

/** A byte that UTF-8 never has. */
const NEVER = 0xfe;
const COLON = 0x3a;

/** A text to be found in UTF-8, whatever the case of letters: bytes are compared, no strings made. */
export class Needle {
  /** How many bytes it takes at least, and at most. */
  readonly #shortest: number;
  readonly #longest: number;
  /** For each character the byte that it is, and that of its other case, where these are single bytes. */
  readonly #one: Uint8Array;
  readonly #other: Uint8Array;
  /** And its forms of several bytes. */
  readonly #longer: (readonly Uint8Array[] | undefined)[] = [];
  /** Which bytes it can begin with. */
  readonly #first = new Uint8Array(256);
  /** How far on it can next begin, given the last byte of where it would end. */
  readonly #skip: Uint16Array;

  constructor(text: string) {
    const letters = Array.from(text, (letter) => casesOf(letter).map(encode));
    this.#one = new Uint8Array(letters.length).fill(NEVER);
    this.#other = new Uint8Array(letters.length).fill(NEVER);
    for (const [place, forms] of letters.entries()) {
      const [one, other] = forms.filter(({ length }) => length === 1).map(([byte]) => byte);
      const longer = forms.filter(({ length }) => length > 1);
      if (one === COLON) {
        forms.push(Uint8Array.of(PARTED));
      }
      this.#one[place] = one ?? NEVER;
      this.#other[place] = one === COLON ? PARTED : (other ?? NEVER);
      this.#longer.push(longer.length > 0 ? longer : undefined);
    }
    for (const [byte = 0] of letters[0] ?? []) {
      this.#first[byte] = 1;
    }
    this.#shortest = sum(letters, (forms) => Math.min(...forms.map(({ length }) => length)));
    this.#longest = sum(letters, (forms) => Math.max(...forms.map(({ length }) => length)));
    this.#skip = skips(letters, this.#shortest);
  }

  /** Whether it is found anywhere. */
  get isEmpty(): boolean {
    return this.#shortest === 0;
  }

  /** Where it ends if it stands here, or -1. */
  endAt(bytes: Uint8Array, from: number, end: number): number {
    const one = this.#one;
    const other = this.#other;
    let at = from;
    for (let place = 0; place < one.length; place += 1) {
      if (at >= end) {
        return -1;
      }
      const byte = bytes[at];
      if (byte === one[place] || byte === other[place]) {
        at += 1;
        continue;
      }
      const longer = this.#longer[place];
      const length = longer === undefined ? 0 : lengthOf(longer, bytes, at, end);
      if (length === 0) {
        return -1;
      }
      at += length;
    }
    return at;
  }

  /** Whether it stands at the end. */
  isLast(bytes: Uint8Array, from: number, end: number): boolean {
    for (let at = Math.max(from, end - this.#longest); at <= end - this.#shortest; at += 1) {
      if (this.endAt(bytes, at, end) === end) {
        return true;
      }
    }
    return false;
  }

  /** Where it first stands, or -1. */
  find(bytes: Uint8Array, from: number, end: number): number {
    if (this.isEmpty) {
      return from;
    }
    const first = this.#first;
    const skip = this.#skip;
    const last = this.#shortest - 1;
    for (let at = from; at + last < end; at += skip[bytes[at + last] ?? 0] ?? 1) {
      if (first[bytes[at] ?? 0] === 1 && this.endAt(bytes, at, end) >= 0) {
        return at;
      }
    }
    return -1;
  }
}

function sum<T>(list: readonly T[], of: (one: T) => number): number {
  return list.reduce((all, one) => all + of(one), 0);
}

/**
 * Horspool's table, for letters whose forms take different numbers of bytes: where a form stands depends on those before
 * it, and what may stand nearer to the end counts as standing there.
 */
function skips(letters: readonly (readonly Uint8Array[])[], shortest: number): Uint16Array {
  const last = shortest - 1;
  const skip = new Uint16Array(256).fill(Math.min(Math.max(shortest, 1), 0xffff));
  let least = 0;
  let most = 0;
  for (const forms of letters) {
    for (const form of forms) {
      for (const [nth, byte] of form.entries()) {
        if (least + nth < last) {
          skip[byte] = Math.min(skip[byte] ?? 1, Math.max(1, last - most - nth));
        }
      }
    }
    least += Math.min(...forms.map(({ length }) => length));
    most += Math.max(...forms.map(({ length }) => length));
  }
  return skip;
}

function lengthOf(forms: readonly Uint8Array[], bytes: Uint8Array, at: number, end: number): number {
  for (const form of forms) {
    let same = at + form.length <= end;
    for (let place = 0; same && place < form.length; place += 1) {
      same = bytes[at + place] === form[place];
    }
    if (same) {
      return form.length;
    }
  }
  return 0;
}
