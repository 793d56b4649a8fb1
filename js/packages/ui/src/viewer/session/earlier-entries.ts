/**
 * Replaces the hashes around a range of a log by the log's own entries. Any of them may revoke a key that was granted
 * in the log. With all entries, even without their events, the verifier can check that.
 */

import { bundlePath, FULL, linesOf } from "@countersign/shared/bundles.js";
import { concat, readAtMost } from "@countersign/shared/bytes.js";
import { jsonOf } from "@countersign/shared/foreign.js";
import { pinnedState, stateAddress } from "./pin.js";

/** Maximum number of bundles to load. If more entries are omitted, the hashes stay. */
const MAX_BUNDLES = 128;
/** Entries are shorter than their two bytes of length can express. */
const MAX_BUNDLE_BYTES = FULL * (2 + 65_535);
/** Maximum length of a line, checkpoint, or head. */
const MAX_LINE_BYTES = 1 << 20;

const LF = 0x0a;

type Bytes = Uint8Array<ArrayBuffer>;
type Ask = (address: string) => Promise<Response>;

/** True if the trust file names issuers, so that revocations in omitted entries would matter. */
export function namesIssuers(trust: string | undefined): boolean {
  return /^[ \t]*issuer[ \t]/m.test(trust ?? "");
}

/**
 * Yields the lines of an export or live view that claims a range, plus the surrounding entries that `ask` provides;
 * `ask` fetches addresses relative to the log's. Pieces may have any size; a string is one line without its end. If
 * entries can't be loaded, yields the lines unchanged. The entries are untrusted: the verifier checks each against the
 * checkpoints.
 */
export async function* withEarlierEntries<Piece extends string | Uint8Array>(
  pieces: AsyncIterable<Piece>,
  ask: Ask,
): AsyncGenerator<Piece | Bytes, void, undefined> {
  const expander = new EntryExpander(ask);
  let rest: Bytes = new Uint8Array();
  for await (const piece of pieces) {
    if (expander.isOver) {
      yield piece;
      continue;
    }
    const bytes = concat([rest, typeof piece === "string" ? new TextEncoder().encode(`${piece}\n`) : piece]);
    const end = bytes.lastIndexOf(LF) + 1;
    yield* expander.lines(bytes.subarray(0, end));
    rest = bytes.slice(end);
    if (expander.isOver || rest.length > MAX_LINE_BYTES) {
      expander.isOver = true;
      yield rest;
      rest = new Uint8Array();
    }
  }
  yield rest;
}

/** Applies `withEarlierEntries` to a response body. */
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

/** Expands an export line by line. */
class EntryExpander {
  /** True if the rest is passed through unchanged. */
  isOver = false;
  readonly #ask: Ask;
  readonly #bundles = new Map<number, Promise<readonly string[] | undefined>>();
  #size: Promise<number | undefined> | undefined;
  #range: readonly unknown[] | undefined;
  #origin: unknown;
  #index = 0;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Yields the replacement of whole lines. */
  async *lines(bytes: Bytes): AsyncGenerator<Bytes> {
    let written = 0;
    for (let at = 0; at < bytes.length && !this.isOver; ) {
      const end = bytes.indexOf(LF, at) + 1;
      const line = bytes.subarray(at, end);
      const omitted = this.#omittedBy(line);
      if (omitted > 0) {
        const entries = await this.#entries(this.#index, this.#index + omitted).catch(() => undefined);
        if (entries === undefined) {
          this.isOver = true;
          break;
        }
        yield bytes.subarray(written, at);
        yield new TextEncoder().encode(entries.join(""));
        written = end;
        this.#index += omitted;
      }
      // If the claim has no end, no entry is omitted after its start.
      this.isOver ||= this.#range?.length === 1 && this.#index >= Number(this.#range[0]);
      at = end;
    }
    yield bytes.subarray(written);
  }

  /** Reads a line in the form that logs write, and returns the number of entries it omits. */
  #omittedBy(line: Bytes): number {
    if (this.#range === undefined) {
      const { range, origin }: { range?: unknown; origin?: unknown } = Object(jsonOf(new TextDecoder().decode(line)));
      this.#range = Array.isArray(range) ? range : undefined;
      this.#origin = origin;
      this.isOver = this.#range === undefined;
      return 0;
    }
    const start = new TextDecoder().decode(line.subarray(0, 16));
    const [, kind] = /^\{"(link|note|leaf|skip|checkpoint|head|anchor)":/.exec(start) ?? [];
    if (kind === "skip") {
      const [, level] = /^\{"skip":\[(\d\d?),/.exec(start) ?? [];
      this.isOver = level === undefined;
      return level === undefined ? 0 : 2 ** Number(level);
    }
    this.isOver = kind === undefined;
    this.#index += kind === "link" || kind === "note" || kind === "leaf" ? 1 : 0;
    return 0;
  }

  /** Returns the lines of entries; undefined unless all can be loaded. */
  async #entries(begin: number, end: number): Promise<readonly string[] | undefined> {
    const first = Math.floor(begin / FULL);
    const bundles = Math.ceil(end / FULL) - first;
    if (this.#bundles.size + bundles > MAX_BUNDLES) {
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
      // The bundle was filled in the meantime, and a full bundle may not be available in part.
      await response.body?.cancel();
      response = await this.#ask(bundlePath(index, FULL));
    }
    const bytes = response.ok ? await readAtMost(response.body, MAX_BUNDLE_BYTES) : undefined;
    return bytes === undefined ? undefined : linesOf(bytes);
  }

  /** Returns the number of entries the log has published; undefined if its newest state is that of another log. */
  async #published(): Promise<number | undefined> {
    const response = await this.#ask(stateAddress(String(this.#origin)));
    const bytes = response.ok ? await readAtMost(response.body, MAX_LINE_BYTES) : undefined;
    const state = pinnedState(new TextDecoder().decode(bytes));
    return state?.origin === this.#origin ? state?.size : undefined;
  }
}
