/** Reading bodies: bounded, each and all together. */

import { concat } from "@countersign/shared/bytes.js";

/** The most bytes that are held of all bodies at one time, beside what each may have anyway: an isolate has 128 MB in all. */
const MOST = 24 << 20;
/** So many bytes every body may have: who holds all the rest keeps no small submission out. */
const OWN = 64 << 10;
/** So many bodies are read at one time. */
const BODIES = 256;
/**
 * Of a body that is refused, so many times the limit is still taken and thrown away: a client that is cut off in the
 * middle of sending never reads why.
 */
const THROWN_AWAY = 4;
/** For so many milliseconds. */
const AFTER = 15_000;
/** So many milliseconds a body may take: who sends slowly does not hold what others need. */
const PATIENCE = 60_000;

/** At so many bytes it is looked whose body this is, and again at four times as many. */
const LOOKED_AT = 64 << 10;

/** Why there is no body, or none that is of use. */
export type NoBody = "busy" | "broken" | "refused";

/** Whether a body that begins so is refused, whatever comes. */
export type IsRefused = (beginning: Uint8Array<ArrayBuffer>) => boolean;

/** The bodies that are being read. */
export class Bodies {
  #held = 0;
  #read = 0;

  /** Reads a body. Of one that is longer than its limit it gives one byte more than that, or nothing where that was said before. */
  async read(
    request: Request,
    limit: number,
    isRefused: IsRefused = () => false,
  ): Promise<Uint8Array<ArrayBuffer> | NoBody> {
    if (request.body === null) {
      return new Uint8Array();
    }
    if (this.#read === BODIES) {
      return "busy";
    }
    this.#read += 1;
    try {
      const reader = request.body.getReader();
      const declared = Number(request.headers.get("content-length") ?? 0);
      const whole = declared > limit ? new Uint8Array() : await this.#collect(reader, limit, isRefused);
      if (declared > limit || typeof whole === "string" || whole.length > limit) {
        await throwAway(reader, whole === "refused" ? limit : THROWN_AWAY * limit);
      }
      return whole;
    } finally {
      this.#read -= 1;
    }
  }

  async #collect(reader: Reader, limit: number, isRefused: IsRefused): Promise<Uint8Array<ArrayBuffer> | NoBody> {
    const chunks: Uint8Array[] = [];
    let length = 0;
    let held = 0;
    let look = LOOKED_AT;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      reader.cancel().catch(() => {});
    }, PATIENCE);
    try {
      while (length <= limit) {
        const read = await reader.read().catch(() => undefined);
        if (read === undefined || late) {
          return "broken";
        }
        const { done, value } = read;
        if (done) {
          break;
        }
        length += value.length;
        const more = Math.max(length - OWN, 0) - held;
        if (this.#held + more > MOST) {
          return "busy";
        }
        held += more;
        this.#held += more;
        // What is a part of something larger would keep all of it.
        chunks.push(value.byteLength < value.buffer.byteLength ? value.slice() : value);
        if (length >= look) {
          if (isRefused(concat(chunks).subarray(0, limit))) {
            return "refused";
          }
          look = 4 * length;
        }
      }
      return concat(chunks).subarray(0, limit + 1);
    } finally {
      clearTimeout(timer);
      this.#held -= held;
    }
  }
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

async function throwAway(reader: Reader, most: number): Promise<void> {
  const timer = setTimeout(() => reader.cancel().catch(() => {}), AFTER);
  try {
    for (let thrown = 0; thrown <= most; ) {
      const { done, value } = await reader.read();
      if (done) {
        return;
      }
      thrown += value.length;
    }
    await reader.cancel();
  } catch {
    // It went away by itself.
  } finally {
    clearTimeout(timer);
  }
}
