import { casesOf } from "./cases.js";
import { encode } from "./utf8.js";

/** How many bytes in a row are looked at together. */
const RUN = 4;
/** How many bits a sieve has, as a power of two: one for four bytes of a part. */
const BITS = 16;
const SPREAD = 0x9e37_79b1;
const BEYOND_ASCII = 0x8080_8080;
/** The letters whose other cases are of ASCII: long s and the Kelvin sign. */
const ODD = ["\u017f", "\u212a"];
/** More runs of a text keep back hardly more. */
const MOST_RUNS = 64;

/**
 * What texts hold, as far as 8 KiB can tell: runs of four bytes, whatever the case of their letters. It lets through
 * what may stand in the texts, and keeps back nothing that does.
 */
export class Sieve {
  readonly #bits: Uint8Array;
  readonly #hasOdd: boolean;

  /** Where texts have odd letters it lets everything through. */
  constructor(bits: Uint8Array, hasOdd: boolean) {
    this.#bits = bits;
    this.#hasOdd = hasOdd;
  }

  passes({ places }: Clue): boolean {
    return this.#hasOdd || places.every((place) => ((this.#bits[place >>> 3] ?? 0) & (1 << (place & 7))) !== 0);
  }
}

/** What of a text a sieve can keep back: nothing where it is shorter than a run. */
export class Clue {
  /** The bits of its runs. */
  readonly places: readonly number[];

  constructor(text: string) {
    const places = stretches(text).flatMap((bytes) => {
      const view = new DataView(Uint8Array.from(bytes).buffer);
      const runs = Math.max(0, bytes.length - RUN + 1);
      return Array.from({ length: runs }, (_, at) => placeOf(folded(view.getInt32(at, true))));
    });
    this.places = [...new Set(places)].slice(0, MOST_RUNS);
  }
}

/** Makes sieves, one after the other. */
export class Sifter {
  /** A byte for each bit: bytes are written faster. */
  readonly #seen = new Uint8Array(1 << BITS);
  #hasOdd = false;

  /** Takes texts. */
  add(bytes: Uint8Array, begin: number, end: number): void {
    const seen = this.#seen;
    const view = new DataView(bytes.buffer, bytes.byteOffset, end);
    let at = begin;
    if (end - begin >= RUN) {
      let word = view.getInt32(at, true);
      let run = folded(word);
      for (; at + 2 * RUN <= end; at += RUN) {
        if ((word & BEYOND_ASCII) !== 0) {
          this.#hasOdd ||= hasOdd(bytes, at, at + RUN);
        }
        word = view.getInt32(at + RUN, true);
        const next = folded(word);
        seen[placeOf(run)] = 1;
        seen[placeOf((run >>> 8) | (next << 24))] = 1;
        seen[placeOf((run >>> 16) | (next << 16))] = 1;
        seen[placeOf((run >>> 24) | (next << 8))] = 1;
        run = next;
      }
    }
    this.#hasOdd ||= hasOdd(bytes, at, end);
    for (; at + RUN <= end; at += 1) {
      seen[placeOf(folded(view.getInt32(at, true)))] = 1;
    }
  }

  /** The sieve of all that was taken since the last one. */
  sieve(): Sieve {
    const view = new DataView(this.#seen.buffer);
    const bits = new Uint8Array(this.#seen.length / 8);
    for (let at = 0; at < bits.length; at += 1) {
      bits[at] = gathered(view.getInt32(at * 8, true)) | (gathered(view.getInt32(at * 8 + 4, true)) << 4);
    }
    const sieve = new Sieve(bits, this.#hasOdd);
    this.#seen.fill(0);
    this.#hasOdd = false;
    return sieve;
  }
}

/** Four bytes without what sets the cases of a letter apart in most scripts. */
function folded(run: number): number {
  return run | 0x2020_2020 | ((run >>> 7) & 0x0101_0101);
}

function placeOf(run: number): number {
  return Math.imul(run, SPREAD) >>> (32 - BITS);
}

/** Of four bytes the lowest bit each. */
function gathered(bytes: number): number {
  return Math.imul(bytes, 0x1020_4080) >>> 28;
}

/** Whether an odd letter may end here. */
function hasOdd(bytes: Uint8Array, begin: number, end: number): boolean {
  for (let at = Math.max(1, begin); at < end; at += 1) {
    const [before, last] = [bytes[at - 1], bytes[at]];
    if ((before === 0xc5 && last === 0xbf) || (before === 0x84 && last === 0xaa)) {
      return true;
    }
  }
  return false;
}

/** The bytes of a text, parted by letters of whose cases only the odd ones are alike. */
function stretches(text: string): readonly (readonly number[])[] {
  const found: number[][] = [[]];
  for (const letter of text) {
    const cases = casesOf(letter).filter((one) => !ODD.includes(one));
    const [first = [], ...others] = cases.map((one) => [...encode(one)]);
    if (others.every((other) => areAlike(first, other))) {
      found.at(-1)?.push(...first);
    } else {
      found.push([]);
    }
  }
  return found;
}

function areAlike(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((byte, at) => folded(byte) === folded(other[at] ?? 0));
}
