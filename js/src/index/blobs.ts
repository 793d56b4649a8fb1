import type { Place } from "./types.js";

/** What lies so near to what is wanted is read along with it. */
const NEAR = 32 << 10;

/** The events' bytes: in blobs, which a browser keeps outside of the page's memory. */
export class Blobs {
  readonly #blobs: Blob[] = [];

  /** Keeps them, and gives their number. */
  keep(bytes: Blob): number {
    return this.#blobs.push(bytes) - 1;
  }

  /** All from a number on. */
  from(number: number): readonly Blob[] {
    return this.#blobs.slice(number);
  }

  /** A stretch of one of them. */
  async read(blob: number, begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = this.#blobs[blob]?.slice(begin, end) ?? new Blob();
    return new Uint8Array(await bytes.arrayBuffer());
  }

  /** Stretches, in their order; those that lie near each other are read at once. */
  async all(stretches: readonly Place[]): Promise<Uint8Array<ArrayBuffer>[]> {
    const sorted = stretches
      .map((stretch, nth) => ({ ...stretch, nth }))
      .sort((one, other) => one.blob - other.blob || one.begin - other.begin);
    const found: Uint8Array<ArrayBuffer>[] = new Array(stretches.length);
    const reading: Promise<void>[] = [];
    for (let from = 0; from < sorted.length; ) {
      const first = sorted[from];
      if (first === undefined) {
        break;
      }
      let to = from + 1;
      let { end } = first;
      for (let next = sorted[to]; next?.blob === first.blob && next.begin - end <= NEAR; next = sorted[to]) {
        end = Math.max(end, next.end);
        to += 1;
      }
      const part = sorted.slice(from, to);
      reading.push(
        this.read(first.blob, first.begin, end).then((bytes) => {
          for (const { nth, begin, end } of part) {
            found[nth] = bytes.subarray(begin - first.begin, end - first.begin);
          }
        }),
      );
      from = to;
    }
    await Promise.all(reading);
    return found;
  }
}
