/**
 * Puts a log's own entries in the place of the hashes that stand around a stretch of it. A key that was granted in the
 * log may be revoked by any of them: with all of them there, without their events, the verifier can tell.
 */

import { bundlePath, FULL, linesOf } from "@countersign/shared/bundles.js";
import { concat, readAtMost } from "@countersign/shared/bytes.js";
import { jsonOf } from "@countersign/shared/foreign.js";

/** Where more entries are left out than these many bundles have, the hashes stay. */
const MOST = 128;
/** Each entry is shorter than its two bytes of length can say. */
const LONGEST_BUNDLE = FULL * (2 + 65_535);
/** No line of an export, and no checkpoint, is longer. */
const LONGEST = 1 << 20;

const LF = 0x0a;

type Bytes = Uint8Array<ArrayBuffer>;
type Ask = (address: string) => Promise<Response>;

/** Whether a revocation in what isn't there would matter to who trusts this. */
export function namesIssuers(trust: string | undefined): boolean {
  return /^[ \t]*issuer[ \t]/m.test(trust ?? "");
}

/**
 * The lines of an export or a live view that claims a range, in pieces of any size (a string is one line without its
 * end), with the entries around it as far as `ask` has them: it takes addresses below the log's. Where it has not, the
 * lines are given as they came. Nothing here is believed: the verifier holds every entry to the checkpoints.
 */
export async function* withEarlierEntries<Piece extends string | Uint8Array>(
  pieces: AsyncIterable<Piece>,
  ask: Ask,
): AsyncGenerator<Piece | Bytes, void, undefined> {
  const unfolding = new Unfolding(ask);
  let rest: Bytes = new Uint8Array();
  for await (const piece of pieces) {
    if (unfolding.isOver) {
      yield piece;
      continue;
    }
    const bytes = concat([rest, typeof piece === "string" ? new TextEncoder().encode(`${piece}\n`) : piece]);
    const end = bytes.lastIndexOf(LF) + 1;
    yield* unfolding.lines(bytes.subarray(0, end));
    rest = bytes.slice(end);
    if (unfolding.isOver || rest.length > LONGEST) {
      unfolding.isOver = true;
      yield rest;
      rest = new Uint8Array();
    }
  }
  yield rest;
}

/** The same of the body of an answer. */
export function bodyWithEarlierEntries(body: ReadableStream<Bytes>, ask: Ask): ReadableStream<Bytes> {
  const pieces = withEarlierEntries(body, ask);
  return new ReadableStream(
    {
      pull: async (controller) => {
        const { done, value } = await pieces.next();
        if (done) {
          controller.close();
        } else {
          controller.enqueue(value);
        }
      },
      cancel: async () => {
        await pieces.return();
      },
    },
    { highWaterMark: 0 },
  );
}

/** Takes an export's lines one after another. */
class Unfolding {
  /** Whether what follows is to be given as it comes. */
  isOver = false;
  readonly #ask: Ask;
  readonly #bundles = new Map<number, Promise<readonly string[] | undefined>>();
  #size: Promise<number | undefined> | undefined;
  #range: readonly unknown[] | undefined;
  #index = 0;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** What stands for whole lines. */
  async *lines(bytes: Bytes): AsyncGenerator<Bytes> {
    let given = 0;
    for (let at = 0; at < bytes.length && !this.isOver; ) {
      const end = bytes.indexOf(LF, at) + 1;
      const line = bytes.subarray(at, end);
      const skipped = this.#take(line);
      if (skipped > 0) {
        const entries = await this.#entries(this.#index, this.#index + skipped).catch(() => undefined);
        if (entries === undefined) {
          this.isOver = true;
          break;
        }
        yield bytes.subarray(given, at);
        yield new TextEncoder().encode(entries.join(""));
        given = end;
        this.#index += skipped;
      }
      // Where a claim has no end, nothing is left out from its beginning on.
      this.isOver ||= this.#range?.length === 1 && this.#index >= Number(this.#range[0]);
      at = end;
    }
    yield bytes.subarray(given);
  }

  /** Reads a line of the form that logs write; gives how many entries it leaves out. */
  #take(line: Bytes): number {
    if (this.#range === undefined) {
      this.#range = rangeOf(line);
      this.isOver = this.#range === undefined;
      return 0;
    }
    const start = new TextDecoder().decode(line.subarray(0, 16));
    const [, kind] = /^\{"(link|note|leaf|skip|checkpoint)":/.exec(start) ?? [];
    if (kind === "skip") {
      const [, level] = /^\{"skip":\[(\d\d?),/.exec(start) ?? [];
      this.isOver = level === undefined;
      return level === undefined ? 0 : 2 ** Number(level);
    }
    this.isOver = kind === undefined;
    this.#index += kind === "checkpoint" ? 0 : 1;
    return 0;
  }

  /** The lines of entries; undefined where they cannot all be had. */
  async #entries(begin: number, end: number): Promise<readonly string[] | undefined> {
    const first = Math.floor(begin / FULL);
    const bundles = Math.ceil(end / FULL) - first;
    if (this.#bundles.size + bundles > MOST) {
      return undefined;
    }
    this.#size ??= this.#published();
    const size = await this.#size;
    if (size === undefined || size < end) {
      return undefined;
    }
    const all = await Promise.all(Array.from({ length: bundles }, (_, place) => this.#bundle(first + place, size)));
    const lines = all.flatMap((lines) => lines ?? []).slice(begin - first * FULL, end - first * FULL);
    return lines.length === end - begin && all.every((lines) => lines !== undefined) ? lines : undefined;
  }

  #bundle(index: number, size: number): Promise<readonly string[] | undefined> {
    const known = this.#bundles.get(index) ?? this.#load(index, Math.min(FULL, size - index * FULL));
    this.#bundles.set(index, known);
    return known;
  }

  async #load(index: number, width: number): Promise<readonly string[] | undefined> {
    let response = await this.#ask(bundlePath(index, width));
    if (!response.ok && width < FULL) {
      // Since then it was filled, and of a bundle that is full there may be no part.
      await response.body?.cancel();
      response = await this.#ask(bundlePath(index, FULL));
    }
    const bytes = response.ok ? await readAtMost(response.body, LONGEST_BUNDLE) : undefined;
    return bytes === undefined ? undefined : linesOf(bytes);
  }

  /** How many entries the log has published. */
  async #published(): Promise<number | undefined> {
    const response = await this.#ask("checkpoint");
    const bytes = response.ok ? await readAtMost(response.body, LONGEST) : undefined;
    const [, size] = /^[^\n]+\n(\d{1,15})\n/.exec(new TextDecoder().decode(bytes)) ?? [];
    return size === undefined ? undefined : Number(size);
  }
}

/** The range that a header claims. */
function rangeOf(line: Bytes): readonly unknown[] | undefined {
  const { range }: { range?: unknown } = Object(jsonOf(new TextDecoder().decode(line)));
  return Array.isArray(range) ? range : undefined;
}
