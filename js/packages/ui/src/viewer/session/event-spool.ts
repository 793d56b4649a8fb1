/** Events of a file, held back from the index until the verdict is known. */

import type { EventIndex } from "../../index/types.js";

/** Bytes of events that are indexed at once, so that the first rows are shown during verification. */
const EARLY_BYTES = 1 << 20;
/** Maximum bytes held back in memory. The others go into blobs, which takes longer. */
const MAX_MEMORY_BYTES = 192 << 20;
/** Minimum bytes per blob. Browsers keep blobs outside a page's memory. */
const BLOB_BYTES = 1 << 20;
/** Maximum bytes held back, on a device with much memory and on others. Verification waits for the index beyond it. */
const MAX_BYTES = 1 << 30;
const MAX_BYTES_ON_SMALL_DEVICE = 256 << 20;
/** Memory in GiB, as browsers report it, from which a device has much. */
const LARGE_DEVICE_GIB = 8;

/** Limits of a spool. */
export interface SpoolLimits {
  /** Maximum bytes held back. */
  readonly maxBytes?: number;
  /** Maximum bytes of those in memory. */
  readonly maxMemoryBytes?: number;
}

/**
 * Passes the first events on to an index, and holds the others back until they are released. Verification then has the
 * processor for itself, so that the verdict is known sooner.
 */
export class EventSpool {
  readonly #index: Pick<EventIndex, "add">;
  readonly #maxBytes: number;
  readonly #maxMemoryBytes: number;
  /** Whole batches: one each in memory, several in a blob. The oldest is first. */
  readonly #held: (Uint8Array<ArrayBuffer> | Blob)[] = [];
  #heldBytes = 0;
  #memoryBytes = 0;
  /** Batches for the next blob. */
  #batches: Uint8Array<ArrayBuffer>[] = [];
  #batchBytes = 0;
  #totalBytes = 0;
  #indexedBytes = 0;

  constructor(
    index: Pick<EventIndex, "add">,
    { maxBytes = maxHeldBytes(), maxMemoryBytes = MAX_MEMORY_BYTES }: SpoolLimits = {},
  ) {
    this.#index = index;
    this.#maxBytes = maxBytes;
    this.#maxMemoryBytes = maxMemoryBytes;
  }

  /** Share of the events so far that the index has, from 0 to 1. */
  get indexedShare(): number {
    return this.#totalBytes === 0 ? 1 : this.#indexedBytes / this.#totalBytes;
  }

  /** Adds a batch, and transfers it. Resolves when there is room for more. */
  async add(batch: Uint8Array<ArrayBuffer>): Promise<void> {
    const { length } = batch;
    this.#totalBytes += length;
    if (this.#indexedBytes < EARLY_BYTES && this.#heldBytes === 0) {
      await this.#pass(batch);
      return;
    }
    this.#heldBytes += length;
    if (this.#batchBytes === 0 && this.#memoryBytes + length <= this.#maxMemoryBytes) {
      this.#held.push(batch);
      this.#memoryBytes += length;
    } else {
      this.#batches.push(batch);
      this.#batchBytes += length;
      if (this.#batchBytes >= BLOB_BYTES) {
        this.#addBlob();
      }
    }
    while (this.#heldBytes > this.#maxBytes && this.#held.length > 0) {
      await this.#passNext();
    }
  }

  /** Passes all events that were held back on to the index. Calls `onProgress` after each step. */
  async release(onProgress: () => void): Promise<void> {
    this.#addBlob();
    while (this.#held.length > 0) {
      await this.#passNext();
      onProgress();
    }
  }

  /** Frees all events that are held back. */
  clear(): void {
    this.#held.length = 0;
    this.#batches = [];
    this.#batchBytes = 0;
    this.#heldBytes = 0;
    this.#memoryBytes = 0;
  }

  #addBlob(): void {
    if (this.#batchBytes > 0) {
      this.#held.push(new Blob(this.#batches));
      this.#batches = [];
      this.#batchBytes = 0;
    }
  }

  async #passNext(): Promise<void> {
    const next = this.#held.shift();
    if (next === undefined) {
      return;
    }
    const bytes = next instanceof Blob ? new Uint8Array(await next.arrayBuffer()) : next;
    this.#heldBytes -= bytes.length;
    this.#memoryBytes -= next instanceof Blob ? 0 : bytes.length;
    await this.#pass(bytes);
  }

  async #pass(batch: Uint8Array<ArrayBuffer>): Promise<void> {
    // Counted first, because `add` transfers the bytes.
    this.#indexedBytes += batch.length;
    await this.#index.add(batch);
  }
}

/** Returns the maximum bytes held back. Browsers that don't report their memory count as small. */
function maxHeldBytes(): number {
  const { deviceMemory = 0 } = (globalThis.navigator ?? {}) as { readonly deviceMemory?: number };
  return deviceMemory >= LARGE_DEVICE_GIB ? MAX_BYTES : MAX_BYTES_ON_SMALL_DEVICE;
}
