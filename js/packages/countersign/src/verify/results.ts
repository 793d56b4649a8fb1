/** Passes results from the core to a listener, no faster than it can process them. */

import { Notifier } from "../promises.js";
import type { Finding, Phrases } from "../report.js";
import { type Remote, transfer } from "../rpc/connect.js";
import { serializeError } from "../rpc/errors.js";
import type { BatchKind, LineCounts, Listener, Outcome, VerifyHost } from "./roles.js";

/** Maximum bytes of events and marks on their way to the host. */
const MAX_PENDING_BYTES = 4 << 20;

/** The methods for results of the core's verifying classes. */
interface Results {
  takeEvents(): Uint8Array;
  takeMarks(): Uint8Array;
  takeFindings(): unknown;
}

/** Passes new results to a listener. `alive` is awaited before anything is taken from the core. */
export async function report(results: Results, to: Listener, alive?: () => Promise<void> | undefined): Promise<void> {
  const show = async (kind: BatchKind, take: () => Uint8Array) => {
    await alive?.();
    const bytes = take();
    const { length } = bytes;
    if (length > 0) {
      await to.show(kind, bytes);
    }
    return length > 0;
  };
  const found = results.takeFindings() as { findings: Finding[]; phrases: Phrases } | undefined;
  if (found !== undefined) {
    to.found(found.findings, found.phrases);
  }
  await show("events", () => results.takeEvents());
  while (await show("marks", () => results.takeMarks())) {}
}

/** The methods for the archive of the core's verifying classes. */
interface Archiving {
  takeArchive(): Uint8Array | undefined;
}

/** Bytes of pieces of an archive that become a blob. Browsers keep blobs outside a worker's memory. */
const BLOB_BYTES = 1 << 20;

/** Collects the pieces of an archive. */
export class ArchiveCollector {
  /** Undefined once there is no archive. */
  #blobs: Blob[] | undefined = [];
  #pieces: Uint8Array<ArrayBuffer>[] = [];
  #bytes = 0;

  /** Takes the next piece from the core. */
  collect(core: Archiving): void {
    const piece = this.#blobs && (core.takeArchive() as Uint8Array<ArrayBuffer> | undefined);
    if (piece === undefined) {
      this.#blobs = undefined;
      this.#pieces = [];
    } else if (piece.length > 0) {
      this.#pieces.push(piece);
      this.#bytes += piece.length;
      if (this.#bytes >= BLOB_BYTES) {
        this.#addBlob();
      }
    }
  }

  #addBlob(): void {
    this.#blobs?.push(new Blob(this.#pieces));
    this.#pieces = [];
    this.#bytes = 0;
  }

  /** Takes the last piece after the end, and passes the archive on, if there is one. */
  finish(core: Archiving, to: Listener): void {
    this.collect(core);
    if (this.#blobs !== undefined) {
      this.#addBlob();
      to.archived(new Blob(this.#blobs));
    }
  }
}

/** The listener of a worker, which forwards results to the host. */
export class HostListener implements Listener {
  counts: LineCounts = { lines: 0, events: 0 };
  readonly #host: Remote<VerifyHost>;
  #pendingBytes = 0;
  readonly #processed = new Notifier();

  constructor(host: Remote<VerifyHost>) {
    this.#host = host;
  }

  /** True if more results may be sent; otherwise, verification pauses too. */
  get hasRoom(): boolean {
    return this.#pendingBytes < MAX_PENDING_BYTES;
  }

  taken(_: number, counts: LineCounts): void {
    this.counts = counts;
  }

  async show(kind: BatchKind, bytes: Uint8Array): Promise<void> {
    const { length } = bytes;
    this.#pendingBytes += length;
    this.#host.show(kind, transfer(bytes, bytes)).then(() => {
      this.#pendingBytes -= length;
      this.#processed.notify();
    }, this.fail);
    await this.#processed.until(() => this.hasRoom);
  }

  /** Resolves when the host has processed everything. */
  idle(): Promise<void> {
    return this.#processed.until(() => this.#pendingBytes === 0);
  }

  found(findings: readonly Finding[], phrases: Phrases): void {
    void this.#host.found(findings, phrases);
  }

  report(outcome: Outcome): void {
    void this.#host.report(outcome);
  }

  archived(archive: Blob): void {
    void this.#host.archived(archive);
  }

  readonly fail = (reason: unknown): void => {
    void this.#host.fail(serializeError(reason));
  };
}
