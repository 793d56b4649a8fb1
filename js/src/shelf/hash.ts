/**
 * HalfSipHash-1-3 of bytes, keyed: who writes events cannot know which values fall together, so that no file makes
 * the tables of a dictionary slow.
 */
export class Hash {
  readonly #key0: number;
  readonly #key1: number;

  constructor() {
    const [key0 = 0, key1 = 0] = crypto.getRandomValues(new Int32Array(2));
    this.#key0 = key0;
    this.#key1 = key1;
  }

  of(bytes: Uint8Array, begin: number, length: number): number {
    let v0 = this.#key0;
    let v1 = this.#key1;
    let v2 = this.#key0 ^ 0x6c796765;
    let v3 = this.#key1 ^ 0x74656462;
    const whole = length >> 2;
    for (let word = 0; word <= whole; word += 1) {
      const at = begin + (word << 2);
      const left = length - (word << 2);
      let m: number;
      if (left >= 4) {
        m =
          (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
      } else {
        m = length << 24;
        if (left > 2) m |= (bytes[at + 2] ?? 0) << 16;
        if (left > 1) m |= (bytes[at + 1] ?? 0) << 8;
        if (left > 0) m |= bytes[at] ?? 0;
      }
      v3 ^= m;
      const rounds = word === whole ? 4 : 1;
      for (let round = 0; round < rounds; round += 1) {
        v0 = (v0 + v1) | 0;
        v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
        v0 = (v0 << 16) | (v0 >>> 16);
        v2 = (v2 + v3) | 0;
        v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
        v0 = (v0 + v3) | 0;
        v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
        v2 = (v2 + v1) | 0;
        v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
        v2 = (v2 << 16) | (v2 >>> 16);
        if (round === 0) {
          v0 ^= m;
          if (word === whole) v2 ^= 0xff;
        }
      }
    }
    return (v1 ^ v3) >>> 0;
  }
}
