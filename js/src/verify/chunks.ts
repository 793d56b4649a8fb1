import { type Deferred, deferred } from "../deferred.js";

/** Chunks of an export that wait to be taken, from the front and perhaps in parts. */
export class Chunks<Taken> {
  readonly #waiting: { rest: Uint8Array; readonly bytes: Uint8Array; readonly taken: Deferred<Taken> }[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Resolves when all of it was taken. */
  add(bytes: Uint8Array): Promise<Taken> {
    const taken = deferred<Taken>();
    this.#waiting.push({ rest: bytes, bytes, taken });
    return taken.promise;
  }

  /** Offers the first to `take`, which says how many bytes it took of it. `taken` says what a whole one resolves with. */
  offer(take: (bytes: Uint8Array) => number, taken: (bytes: Uint8Array) => Taken): void {
    const first = this.#waiting[0];
    if (first === undefined) {
      return;
    }
    first.rest = first.rest.subarray(take(first.rest));
    if (first.rest.length === 0) {
      this.#waiting.shift();
      first.taken.resolve(taken(first.bytes));
    }
  }
}
