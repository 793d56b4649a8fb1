/** A worker that makes segments of an index: a share of the work that more events are. */

import { connect, type Port, transfer } from "@countersign/shared/rpc.js";
import { SegmentBuilder } from "../wasm/index.js";
import type { Lines } from "./in-pieces.js";
import type { SegmentTaker } from "./roles.js";
import { seed } from "./seed.js";

/**
 * How long events wait for others of their segment, in milliseconds: the first are to be seen soon, and of those that
 * come after many others fewer segments are searched in less time.
 */
const SOON = 300;
const LATER = 1500;
/** How much longer they wait for each that was handed on. */
const LONGER = 100;
/** How many bytes of events lie together at least: what is searched is read in such parts. */
const PART = 1 << 20;

/** Makes segments and hands them to whoever keeps the index. */
export class Builder {
  readonly #service;
  readonly #builder = new SegmentBuilder(seed());
  #parts: Blob[] = [];
  /** The lines of the segment, if all of them are wanted. */
  #lines: Lines[] | undefined;
  /** Whether the service has room for lines. */
  #hasRoom = true;
  /** What is not in a part yet, and how many bytes that are. */
  #batches: Uint8Array<ArrayBuffer>[] = [];
  #bytes = 0;
  #handed = performance.now();
  #wait = SOON;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #taken: Promise<void> = Promise.resolve();
  readonly #failed: (error: unknown) => void;

  constructor(service: Port, failed: (error: unknown) => void) {
    this.#service = connect<SegmentTaker>(service, {}, "index");
    this.#failed = failed;
  }

  /** Takes a batch, and writes its lines for who looks at all events, if that is wanted. */
  add(batch: Uint8Array<ArrayBuffer>, isWanted: boolean): void {
    if (this.#builder.rows === 0) {
      this.#lines = isWanted && this.#hasRoom ? [] : undefined;
    }
    const isKept = this.#builder.add(batch, this.#lines !== undefined);
    this.#lines?.push(this.#builder.lines() as Lines);
    if (isKept) {
      this.#batches.push(batch);
      this.#bytes += batch.length;
    }
    if (this.#bytes >= PART) {
      this.#part();
    }
    const wait = this.#handed + this.#wait - performance.now();
    if (this.#builder.full || wait <= 0) {
      this.#hand();
    } else {
      this.#timer ??= setTimeout(() => this.#hand(), wait);
    }
  }

  flush(): Promise<void> {
    this.#hand();
    return this.#taken;
  }

  #part(): void {
    this.#parts.push(new Blob(this.#batches));
    this.#batches = [];
    this.#bytes = 0;
  }

  #hand(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#handed = performance.now();
    if (this.#bytes > 0) {
      this.#part();
    }
    if (this.#builder.rows === 0) {
      return;
    }
    try {
      const segment = this.#builder.finish() as Uint8Array<ArrayBuffer>;
      const parts = this.#parts;
      this.#parts = [];
      this.#wait = Math.min(LATER, this.#wait + LONGER);
      const lines = this.#lines ?? [];
      this.#lines = undefined;
      const moved = transfer(segment, segment, ...lines);
      const taken = this.#service.take(moved, parts, lines).then((hasRoom) => {
        this.#hasRoom = hasRoom;
      });
      this.#taken = Promise.all([this.#taken, taken]).then(() => {});
      this.#taken.catch(this.#failed);
    } catch (error) {
      this.#failed(error);
    }
  }
}
