import { release } from "./protocol.js";

/** Chunks of an export that wait to be taken, from the front and perhaps in parts. */
export class Chunks {
  #waiting: Uint8Array[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  add(chunk: Uint8Array): void {
    if (chunk.length > 0) {
      this.#waiting.push(chunk);
    }
  }

  /** Offers the first to `take`, which says how many bytes it took of it; says the same. */
  offer(take: (bytes: Uint8Array) => number): number {
    const first = this.#waiting[0];
    if (first === undefined) {
      return 0;
    }
    const taken = take(first);
    if (taken === first.length) {
      this.#waiting.shift();
      release(first);
    } else {
      this.#waiting[0] = first.subarray(taken);
    }
    return taken;
  }
}
