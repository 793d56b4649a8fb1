/** Events of a file, held back from the index until the verdict is known. */

import type { EventIndex } from "../../index/types.js";

/** Bytes of events that are indexed at once, so that the first rows are shown during verification. */
const EARLY_BYTES = 1 << 20;
/** Minimum bytes per part that is held back. Browsers keep parts outside a page's memory. */
const PART_BYTES = 1 << 20;
/** Maximum bytes held back, on a device with much memory and on others. Verification waits for the index beyond it. */
const MAX_BYTES = 1 << 30;
const MAX_BYTES_ON_SMALL = 256 << 20;
/** Memory in GiB, as browsers report it, from which a device has much. */
const MUCH_MEMORY = 8;

/**
 * Passes the first events on to an index, and holds the others back until they are released. Verification then has the
 * processor for itself, so that the verdict is known sooner.
 */
export class EventSpool {
  readonly #index: Pick<EventIndex, "add">;
  readonly #maxBytes: number;
  /** Whole batches that are not in a part yet. */
  #batches: Uint8Array<ArrayBuffer>[] = [];
  #batchBytes = 0;
  #parts: Blob[] = [];
  #heldBytes = 0;
  #totalBytes = 0;
  #indexedBytes = 0;

  constructor(index: Pick<EventIndex, "add">, maxBytes: number = maxHeldBytes()) {
    this.#index = index;
    this.#maxBytes = maxBytes;
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
    this.#batches.push(batch);
    this.#batchBytes += length;
    this.#heldBytes += length;
    if (this.#batchBytes >= PART_BYTES) {
      this.#addPart();
    }
    while (this.#heldBytes > this.#maxBytes && this.#parts.length > 0) {
      await this.#passPart();
    }
  }

  /** Passes all events that were held back on to the index. Calls `onProgress` after each part. */
  async release(onProgress: () => void): Promise<void> {
    this.#addPart();
    while (this.#parts.length > 0) {
      await this.#passPart();
      onProgress();
    }
  }

  #addPart(): void {
    if (this.#batchBytes > 0) {
      this.#parts.push(new Blob(this.#batches));
      this.#batches = [];
      this.#batchBytes = 0;
    }
  }

  async #passPart(): Promise<void> {
    const part = this.#parts.shift();
    if (part !== undefined) {
      const bytes = new Uint8Array(await part.arrayBuffer());
      this.#heldBytes -= bytes.length;
      await this.#pass(bytes);
    }
  }

  async #pass(batch: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#indexedBytes += batch.length;
    await this.#index.add(batch);
  }
}

/** Returns the maximum bytes held back. Browsers that don't report their memory count as small. */
function maxHeldBytes(): number {
  const { deviceMemory = 0 } = (globalThis.navigator ?? {}) as { readonly deviceMemory?: number };
  return deviceMemory >= MUCH_MEMORY ? MAX_BYTES : MAX_BYTES_ON_SMALL;
}
