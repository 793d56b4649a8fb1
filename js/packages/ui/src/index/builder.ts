/** A worker that builds segments of an index, as one of several. */

import { connect, type Port, transfer } from "@countersign/shared/rpc.js";
import { SegmentBuilder } from "../wasm/index.js";
import type { Lines } from "./in-pieces.js";
import type { SegmentConsumer } from "./roles.js";
import { seed } from "./seed.js";

/**
 * Milliseconds that events wait for others of their segment. The first ones should be visible soon; later ones wait
 * longer, because fewer segments are faster to search.
 */
const FIRST_WAIT_MS = 300;
const MAX_WAIT_MS = 1500;
/** Milliseconds by which the wait grows with each segment. */
const WAIT_STEP_MS = 100;
/** Minimum bytes of events per part. Searches read whole parts. */
const PART_BYTES = 1 << 20;

/** Builds segments, and sends them to the service that keeps the index. */
export class Builder {
  readonly #service;
  readonly #builder = new SegmentBuilder(seed());
  #parts: Blob[] = [];
  /** Lines of the segment, if lines are requested. */
  #lines: Lines[] | undefined;
  /** True while the service has room for lines. */
  #hasRoom = true;
  /** Batches that are not in a part yet, and their total size. */
  #batches: Uint8Array<ArrayBuffer>[] = [];
  #bytes = 0;
  #sentAt = performance.now();
  #wait = FIRST_WAIT_MS;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #accepted: Promise<void> = Promise.resolve();
  readonly #onError: (error: unknown) => void;

  constructor(service: Port, onError: (error: unknown) => void) {
    this.#service = connect<SegmentConsumer>(service, {}, "index");
    this.#onError = onError;
  }

  /** Adds a batch. If `writesLines`, also writes its lines for readers of all events. */
  add(batch: Uint8Array<ArrayBuffer>, writesLines: boolean): void {
    if (this.#builder.rows === 0) {
      this.#lines = writesLines && this.#hasRoom ? [] : undefined;
    }
    const isKept = this.#builder.add(batch, this.#lines !== undefined);
    this.#lines?.push(this.#builder.lines() as Lines);
    if (isKept) {
      this.#batches.push(batch);
      this.#bytes += batch.length;
    }
    if (this.#bytes >= PART_BYTES) {
      this.#addPart();
    }
    const wait = this.#sentAt + this.#wait - performance.now();
    if (this.#builder.full || wait <= 0) {
      this.#send();
    } else {
      this.#timer ??= setTimeout(() => this.#send(), wait);
    }
  }

  flush(): Promise<void> {
    this.#send();
    return this.#accepted;
  }

  #addPart(): void {
    this.#parts.push(new Blob(this.#batches));
    this.#batches = [];
    this.#bytes = 0;
  }

  #send(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sentAt = performance.now();
    if (this.#bytes > 0) {
      this.#addPart();
    }
    if (this.#builder.rows === 0) {
      return;
    }
    try {
      const segment = this.#builder.finish() as Uint8Array<ArrayBuffer>;
      const parts = this.#parts;
      this.#parts = [];
      this.#wait = Math.min(MAX_WAIT_MS, this.#wait + WAIT_STEP_MS);
      const lines = this.#lines ?? [];
      this.#lines = undefined;
      const moved = transfer(segment, segment, ...lines);
      const accepted = this.#service.accept(moved, parts, lines).then((hasRoom) => {
        this.#hasRoom = hasRoom;
      });
      this.#accepted = Promise.all([this.#accepted, accepted]).then(() => {});
      this.#accepted.catch(this.#onError);
    } catch (error) {
      this.#onError(error);
    }
  }
}
