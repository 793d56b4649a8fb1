/** Reads request bodies with limits per body and for all of them. */

import { concat } from "@countersign/shared/bytes.js";
import { clientOf } from "./entrance.js";

/** Maximum bytes held for all bodies, in addition to `OWN_BYTES` for each. An isolate has 128 MB in total. */
const MAX_SHARED_BYTES = 24 << 20;
/** Bytes that every body may have, so that large ones can't block small submissions. */
const OWN_BYTES = 64 << 10;
/** Maximum number of bodies read at the same time. */
const MAX_BODIES = 256;
/**
 * Multiple of the limit up to which a rejected body is still received and discarded: a client whose connection is cut
 * while sending never reads the response.
 */
const DISCARDED_LIMITS = 4;
/** Maximum milliseconds of discarding. */
const DISCARD_TIMEOUT_MS = 15_000;
/** Timeout of a body in milliseconds, so that slow clients don't hold memory. */
const BODY_TIMEOUT_MS = 20_000;

/** Number of bytes at which the beginning is checked for the first time, and again at each fourfold size. */
const FIRST_CHECK_BYTES = 64 << 10;

/** The reason why a body was not read. */
export type NoBody = "busy" | "broken" | "refused";

/** Returns true if a body with this beginning is rejected, whatever follows. */
export type IsRefused = (beginning: Uint8Array<ArrayBuffer>) => boolean;

/** The bodies being read. */
export class Bodies {
  #held = 0;
  /** The bodies being read, in the order in which they began. */
  readonly #open = new Set<OpenBody>();

  /**
   * Reads a body. If it exceeds its limit, returns one byte more than the limit, or nothing if its declared length
   * does.
   */
  async read(
    request: Request,
    limit: number,
    isRefused: IsRefused = () => false,
  ): Promise<Uint8Array<ArrayBuffer> | NoBody> {
    if (request.body === null) {
      return new Uint8Array();
    }
    const client = clientOf(request);
    if (this.#open.size >= MAX_BODIES && !this.#makeRoom(client)) {
      return "busy";
    }
    const reader = request.body.getReader();
    const open: OpenBody = { client, reader, isOver: false };
    this.#open.add(open);
    try {
      const declared = Number(request.headers.get("content-length") ?? 0);
      const body = declared > limit ? new Uint8Array() : await this.#collect(open, limit, isRefused);
      if (declared > limit || typeof body === "string" || body.length > limit) {
        await discard(reader, body === "refused" ? limit : DISCARDED_LIMITS * limit);
      }
      return body;
    } finally {
      this.#open.delete(open);
    }
  }

  /** Ends the oldest body of the client that has the most, if it has at least two more than this client. */
  #makeRoom(client: string): boolean {
    const numbers = new Map<string, number>();
    for (const { client } of this.#open) {
      numbers.set(client, (numbers.get(client) ?? 0) + 1);
    }
    const [busiest = "", most = 0] = [...numbers].sort(([, one], [, other]) => other - one)[0] ?? [];
    const oldest = [...this.#open].find((body) => body.client === busiest);
    if (oldest === undefined || most < (numbers.get(client) ?? 0) + 2) {
      return false;
    }
    this.#open.delete(oldest);
    end(oldest);
    return true;
  }

  async #collect(open: OpenBody, limit: number, isRefused: IsRefused): Promise<Uint8Array<ArrayBuffer> | NoBody> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    let counted = 0;
    let nextCheck = FIRST_CHECK_BYTES;
    const timer = setTimeout(() => end(open), BODY_TIMEOUT_MS);
    try {
      while (length <= limit) {
        const read = await open.reader.read().catch(() => undefined);
        if (read === undefined || open.isOver) {
          return "broken";
        }
        const { done, value } = read;
        if (done) {
          break;
        }
        length += value.length;
        const more = Math.max(length - OWN_BYTES, 0) - counted;
        if (this.#held + more > MAX_SHARED_BYTES) {
          return "busy";
        }
        counted += more;
        this.#held += more;
        // A view would keep its whole buffer in memory.
        chunks.push(value.byteLength < value.buffer.byteLength ? value.slice() : value);
        if (length >= nextCheck) {
          if (isRefused(concat(chunks).subarray(0, limit))) {
            return "refused";
          }
          nextCheck = 4 * length;
        }
      }
      return concat(chunks).subarray(0, limit + 1);
    } finally {
      clearTimeout(timer);
      this.#held -= counted;
    }
  }
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

/** A body being read. */
interface OpenBody {
  readonly client: string;
  readonly reader: Reader;
  /** True if it was ended because it took too long, or to make room. */
  isOver: boolean;
}

/** Ends a body whose sender still sends. */
function end(body: OpenBody): void {
  body.isOver = true;
  body.reader.cancel().catch(() => {});
}

async function discard(reader: Reader, max: number): Promise<void> {
  const timer = setTimeout(() => reader.cancel().catch(() => {}), DISCARD_TIMEOUT_MS);
  try {
    for (let discarded = 0; discarded <= max; ) {
      const { done, value } = await reader.read();
      if (done) {
        return;
      }
      discarded += value.length;
    }
    await reader.cancel();
  } catch {
    // The client disconnected.
  } finally {
    clearTimeout(timer);
  }
}
