/** UTF-8 as bytes: what JSON escapes is read here without making strings of it. */

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The bytes of a text. */
export function encode(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(text);
}

/** The text that bytes stand for; nothing but UTF-8 comes from the core. */
export function decode(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

const BACKSLASH = 0x5c;
/** What stands for itself after a backslash is not in here. */
const SHORT = new Map([
  [0x62, 0x08],
  [0x66, 0x0c],
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
]);
const LETTER_U = 0x75;

/**
 * Writes JSON with its escapes replaced by what they stand for, and gives where the writing ended. It never takes more
 * room than what it reads.
 */
export function unescaped(bytes: Uint8Array, begin: number, end: number, out: Uint8Array, to: number): number {
  let write = to;
  for (let at = begin; at < end; ) {
    const byte = bytes[at] ?? 0;
    at += 1;
    if (byte !== BACKSLASH) {
      out[write] = byte;
      write += 1;
      continue;
    }
    const kind = bytes[at] ?? BACKSLASH;
    at += 1;
    if (kind !== LETTER_U) {
      out[write] = SHORT.get(kind) ?? kind;
      write += 1;
      continue;
    }
    let point = unit(bytes, at);
    at += 4;
    if (point >= 0xd800 && point < 0xdc00 && bytes[at] === BACKSLASH && bytes[at + 1] === LETTER_U) {
      const low = unit(bytes, at + 2);
      if (low >= 0xdc00 && low < 0xe000) {
        point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
        at += 6;
      }
    }
    write = put(point, out, write);
  }
  return write;
}

/** Reads JSON so, into memory of its own that is used again. */
export class Unescaper {
  /** What was read last, from 0 on. */
  bytes = new Uint8Array(1 << 10);

  /** Gives where it ends. */
  read(bytes: Uint8Array, begin: number, end: number): number {
    if (end - begin > this.bytes.length) {
      this.bytes = new Uint8Array((end - begin) * 2);
    }
    return unescaped(bytes, begin, end, this.bytes, 0);
  }
}

function put(given: number, out: Uint8Array, to: number): number {
  const point = given >= 0xd800 && given < 0xe000 ? 0xfffd : given;
  let write = to;
  if (point < 0x80) {
    out[write++] = point;
  } else if (point < 0x800) {
    out[write++] = 0xc0 | (point >> 6);
    out[write++] = 0x80 | (point & 0x3f);
  } else if (point < 0x10000) {
    out[write++] = 0xe0 | (point >> 12);
    out[write++] = 0x80 | ((point >> 6) & 0x3f);
    out[write++] = 0x80 | (point & 0x3f);
  } else {
    out[write++] = 0xf0 | (point >> 18);
    out[write++] = 0x80 | ((point >> 12) & 0x3f);
    out[write++] = 0x80 | ((point >> 6) & 0x3f);
    out[write++] = 0x80 | (point & 0x3f);
  }
  return write;
}

/** Four digits of hex. */
function unit(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let digit = at; digit < at + 4; digit += 1) {
    const byte = bytes[digit] ?? 0;
    value = (value << 4) | (byte <= 0x39 ? byte - 0x30 : (byte & 0xdf) - 0x37);
  }
  return value & 0xffff;
}

/** Whether two stretches of bytes are the same. */
export function same(one: Uint8Array, begin: number, length: number, other: Uint8Array, otherBegin: number): boolean {
  for (let at = 0; at < length; at += 1) {
    if (one[begin + at] !== other[otherBegin + at]) {
      return false;
    }
  }
  return true;
}
