import { ABSENT, FIRST, UNKEPT } from "./dictionary.js";
import type { Glob } from "./glob.js";
import { PARTED } from "./needle.js";
import type { Values } from "./table.js";
import type { Column } from "./types.js";
import { encode, same } from "./utf8.js";

export const NO = 0;
export const YES = 1;
/** The value is not kept: the event must be read. */
export const UNSURE = 2;

/** Whether any of these patterns fits a value of a column. */
export type Fits = (globs: readonly Glob[], bytes: Uint8Array, begin: number, end: number) => boolean;

/** Whether patterns fit the values of a column, each value looked at once and not each event. */
export class Verdicts {
  /** By code. */
  byCode = new Uint8Array(1 << 4);
  readonly #globs: readonly Glob[];
  readonly #fits: Fits;
  #known = FIRST;

  constructor(globs: readonly Glob[], fits: Fits) {
    this.#globs = globs;
    this.#fits = fits;
    this.byCode[ABSENT] = NO;
    this.byCode[UNKEPT] = UNSURE;
  }

  /** Looks at the values that came since. */
  update({ dictionary }: Values): void {
    const end = dictionary.end;
    if (end > this.byCode.length) {
      const longer = new Uint8Array(Math.max(end, this.byCode.length * 2));
      longer.set(this.byCode);
      this.byCode = longer;
    }
    const { byCode } = this;
    const globs = this.#globs;
    const fits = this.#fits;
    dictionary.each(this.#known, (code, bytes, begin, end) => {
      byCode[code] = fits(globs, bytes, begin, end) ? YES : NO;
    });
    this.#known = end;
  }
}

const whole: Fits = (globs, bytes, begin, end) => {
  for (const glob of globs) {
    if (glob.fits(bytes, begin, end)) {
      return true;
    }
  }
  return false;
};

/** An identifier, or its type with it. */
const party: Fits = (globs, bytes, begin, end) => {
  if (whole(globs, bytes, begin, end)) {
    return true;
  }
  const parted = placeOf(PARTED, bytes, begin, end);
  return parted >= 0 && whole(globs, bytes, parted + 1, end);
};

const PLUS = 0x2b;

/** A key, or its name, which holds no plus. */
const signer: Fits = (globs, bytes, begin, end) => {
  if (whole(globs, bytes, begin, end)) {
    return true;
  }
  const plus = placeOf(PLUS, bytes, begin, end);
  return plus >= 0 && whole(globs, bytes, begin, plus);
};

function placeOf(byte: number, bytes: Uint8Array, begin: number, end: number): number {
  for (let at = begin; at < end; at += 1) {
    if (bytes[at] === byte) {
      return at;
    }
  }
  return -1;
}

/** How the values of a column are held against patterns. */
export const FITS: Readonly<Record<Column | "name", Fits>> = {
  action: whole,
  actor: party,
  target: party,
  outcome: whole,
  tenant: whole,
  chain: whole,
  signer,
  name: whole,
};

/** A default type is not said. */
const UNSAID = encode("user");
const COLON = 0x3a;

/** Where what people read of a value begins. */
export function saidFrom(column: Column, bytes: Uint8Array, begin: number, end: number): number {
  const parted = begin + UNSAID.length;
  const isUnsaid = column === "actor" && parted < end && bytes[parted] === PARTED;
  return isUnsaid && same(bytes, begin, UNSAID.length, UNSAID, 0) ? parted + 1 : begin;
}

/** A value as people read it: the type before an identifier, but for an actor's default. */
export function label(column: Column, bytes: Uint8Array): Uint8Array {
  const said = bytes.subarray(saidFrom(column, bytes, 0, bytes.length));
  const parted = said.indexOf(PARTED);
  if (parted < 0) {
    return said;
  }
  const read = said.slice();
  read[parted] = COLON;
  return read;
}

/** How many colons of a value are looked at: each may part a type from an identifier, and each takes time. */
const MOST_COLONS = 16;

/** All that is kept of values that are read so: a colon may be an identifier's own. */
export function forms(column: Column, said: Uint8Array): Uint8Array[] {
  if (column !== "actor" && column !== "target") {
    return [said];
  }
  const found = [said];
  let colon = said.indexOf(COLON);
  for (let nth = 0; nth < MOST_COLONS && colon >= 0; nth += 1) {
    const parted = said.slice();
    parted[colon] = PARTED;
    if (label(column, parted).length === said.length) {
      found.push(parted);
    }
    colon = said.indexOf(COLON, colon + 1);
  }
  if (column === "actor") {
    const user = new Uint8Array(UNSAID.length + 1 + said.length);
    user.set(UNSAID);
    user[UNSAID.length] = PARTED;
    user.set(said, UNSAID.length + 1);
    found.push(user);
  }
  return found;
}
