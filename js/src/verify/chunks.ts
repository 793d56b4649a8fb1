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

  /** Offers the first to `take`, which says how many bytes it took of it. Gives its buffer once it was taken whole. */
  offer(take: (bytes: Uint8Array) => number): { bytes: number; spent: ArrayBuffer | undefined } {
    const first = this.#waiting[0];
    if (first === undefined) {
      return { bytes: 0, spent: undefined };
    }
    const bytes = take(first);
    if (bytes < first.length) {
      this.#waiting[0] = first.subarray(bytes);
      return { bytes, spent: undefined };
    }
    this.#waiting.shift();
    return { bytes, spent: first.buffer as ArrayBuffer };
  }
}
