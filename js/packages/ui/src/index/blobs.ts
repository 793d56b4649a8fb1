import { open } from "@countersign/shared/verify.js";
import { ExportBytes, type KnownPiece } from "./export-bytes.js";
import type { Place } from "./types.js";

/** The number of the export. */
const EXPORT = 0;
/** What lies so near to what is wanted is read along with it. */
const NEAR = 32 << 10;

/** A part, and its bytes. */
interface ReadPart {
  readonly part: Blob | undefined;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const NONE: ReadPart = { part: undefined, bytes: new Uint8Array() };

/** So many bytes, in a buffer's memory where there is room. */
function bytesIn(buffer: ArrayBuffer, length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer.byteLength < length ? new ArrayBuffer(length) : buffer, 0, length);
}

/** The events' bytes: those of the export, and what does not stand in it as it was signed, in blobs: a browser keeps them outside of the page's memory. */
export class Blobs {
  #export: ExportBytes | undefined;
  readonly #blobs: (Blob | undefined)[] = [undefined];
  /** What each was made of. */
  readonly #parts: (readonly Blob[])[] = [[]];
  /** The part that was read last as a whole. */
  #last = NONE;
  #passing = new ArrayBuffer(0);

  /** Events are going to be those of an export: of this file, or of pieces that are kept. */
  open(file: Blob | undefined): void {
    this.#export = new ExportBytes(file);
  }

  /** A piece of it is known. */
  know(nth: number, piece: KnownPiece): void {
    this.#export?.know(nth, piece);
  }

  /** Keeps them as one, and gives its number. */
  keep(parts: readonly Blob[]): number {
    this.#parts.push(parts);
    return this.#blobs.push(new Blob([...parts])) - 1;
  }

  /** A stretch of one of them. */
  async read(blob: number, begin: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    if (blob === EXPORT) {
      return this.#readExport(begin, new Uint8Array(end - begin));
    }
    const bytes = this.#blobs[blob]?.slice(begin, end) ?? new Blob();
    return new Uint8Array(await bytes.arrayBuffer());
  }

  /**
   * The same, in memory that the next call uses again. Parts are read whole: browsers copy each stretch that is cut out of
   * a blob, and keep the copy until they collect garbage.
   */
  async readPassing(blob: number, begin: number, end: number): Promise<Uint8Array> {
    const into = bytesIn(this.#passing, end - begin);
    this.#passing = into.buffer;
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
    // Whatever fails, its memory may have moved.
    this.#last = NONE;
    // With room for one more its end is read too, and the stream closed.
    const { buffer } = bytesIn(last.bytes.buffer, part.size + 1);
    const bytes = (await open(part).next(buffer)) ?? NONE.bytes;
    this.#last = { part, bytes: bytes as Uint8Array<ArrayBuffer> };
    return bytes;
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
