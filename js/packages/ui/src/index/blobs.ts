import { open } from "@countersign/shared/verify.js";
import { ExportBytes, type KnownPiece } from "./export-bytes.js";
import type { Place } from "./types.js";

/** Number of the blob that stands for the export. */
const EXPORT = 0;
/** Maximum distance in bytes of ranges that are read together. */
const MAX_GAP_BYTES = 32 << 10;

/** A part with its bytes. */
interface ReadPart {
  readonly part: Blob | undefined;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const NONE: ReadPart = { part: undefined, bytes: new Uint8Array() };

/** Returns a view of `length` bytes, in the buffer's memory if it is large enough. */
function bytesIn(buffer: ArrayBuffer, length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer.byteLength < length ? new ArrayBuffer(length) : buffer, 0, length);
}

/**
 * The events' bytes: ranges of the export, and blobs for events that the export doesn't contain exactly as signed.
 * Browsers keep blobs outside a page's memory.
 */
export class Blobs {
  #export: ExportBytes | undefined;
  readonly #blobs: (Blob | undefined)[] = [undefined];
  /** Parts of each blob. */
  readonly #parts: (readonly Blob[])[] = [[]];
  /** The part that was read last. */
  #last = NONE;
  #scratch = new ArrayBuffer(0);

  /** Sets the export that contains the events: a file, or undefined if its pieces are kept. */
  open(file: Blob | undefined): void {
    this.#export = new ExportBytes(file);
  }

  /** Registers a piece of the export. */
  know(nth: number, piece: KnownPiece): void {
    this.#export?.know(nth, piece);
  }

  /** Keeps parts as one blob, and returns its number. */
  keep(parts: readonly Blob[]): number {
    this.#parts.push(parts);
    return this.#blobs.push(new Blob([...parts])) - 1;
  }

  /** Reads a range of a blob. */
  async read(blob: number, begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    if (blob === EXPORT) {
      return this.#readExport(begin, new Uint8Array(end - begin));
    }
    const bytes = this.#blobs[blob]?.slice(begin, end) ?? new Blob();
    return new Uint8Array(await bytes.arrayBuffer());
  }

  /**
   * Reads a range of a blob into memory that the next call reuses. Parts are read whole, because browsers copy each
   * range that is cut from a blob and keep the copy until garbage collection.
   */
  async readTransient(blob: number, begin: number, end: number): Promise<Uint8Array> {
    const into = bytesIn(this.#scratch, end - begin);
    this.#scratch = into.buffer;
    if (blob === EXPORT) {
      return this.#readExport(begin, into);
    }
    let from = 0;
    for (const part of this.#parts[blob] ?? []) {
      const to = from + part.size;
      if (from < end && to > begin) {
        const bytes = await this.#whole(part);
        into.set(bytes.subarray(Math.max(0, begin - from), end - from), Math.max(0, from - begin));
      }
      from = to;
    }
    return into;
  }

  async #readExport(begin: number, into: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    await this.#export?.read(begin, into);
    return into;
  }

  async #whole(part: Blob): Promise<Uint8Array> {
    const last = this.#last;
    if (last.part === part) {
      return last.bytes;
    }
    // Reset first, because the buffer is detached if reading fails.
    this.#last = NONE;
    // The extra byte makes sure that the stream is read to its end and closed.
    const { buffer } = bytesIn(last.bytes.buffer, part.size + 1);
    const bytes = (await open(part).next(buffer)) ?? NONE.bytes;
    this.#last = { part, bytes: bytes as Uint8Array<ArrayBuffer> };
    return bytes;
  }

  /** Reads ranges and returns them in their order. Ranges near each other are read together. */
  async all(ranges: readonly Place[]): Promise<Uint8Array<ArrayBuffer>[]> {
    const sorted = ranges.map((range, nth) => ({ ...range, nth })).sort((a, b) => a.blob - b.blob || a.begin - b.begin);
    const found: Uint8Array<ArrayBuffer>[] = new Array(ranges.length);
    const reading: Promise<void>[] = [];
    for (let from = 0; from < sorted.length; ) {
      const first = sorted[from];
      if (first === undefined) {
        break;
      }
      let to = from + 1;
      let { end } = first;
      for (let next = sorted[to]; next?.blob === first.blob && next.begin - end <= MAX_GAP_BYTES; next = sorted[to]) {
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
