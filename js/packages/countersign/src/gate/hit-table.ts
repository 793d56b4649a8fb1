/** Counts the hits of many keys in bounded memory. */

import { type HitResult, Hits } from "./hits.js";

/** Maximum number of keys that are counted separately. */
const MAX_KEYS = 10_000;

/**
 * The hits of each key. A key is removed only when none of its hits counts any longer. While the table is full, all new
 * keys share one count.
 */
export class HitTable {
  readonly #windowMs: number;
  /** In the order of the last allowed hits, so that those that are over come first. */
  readonly #hits = new Map<string, Hits>();
  /** The hits of new keys while the table was full, by `max`. */
  readonly #shared = new Map<number, Hits>();

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  /** Returns the refusal of a key's hit; undefined if there is room for one. */
  refusal(key: string, max: number, now: number): HitResult | undefined {
    return (this.#hits.get(key) ?? this.#shared.get(max))?.refusal(now);
  }

  /** Counts a hit of a key that isn't refused. Returns a function that removes it, unless it is shared. */
  add(key: string, max: number, now: number): (() => void) | undefined {
    this.#forget(now);
    const own = this.#hits.get(key);
    if (own === undefined && this.#hits.size >= MAX_KEYS) {
      this.#sharedOf(max).add(now);
      return undefined;
    }
    // Some of the shared hits may be this key's.
    const hits = own ?? new Hits(max, this.#windowMs, [], this.#shared.get(max));
    hits.add(now);
    this.#hits.delete(key);
    this.#hits.set(key, hits);
    const at = hits.last;
    return () => {
      hits.remove(at);
      if (hits.isOver(now) && this.#hits.get(key) === hits) {
        this.#hits.delete(key);
      }
    };
  }

  #sharedOf(max: number): Hits {
    const hits = this.#shared.get(max) ?? new Hits(max, this.#windowMs);
    this.#shared.set(max, hits);
    return hits;
  }

  /** Removes the keys whose hits are over. */
  #forget(now: number): void {
    for (const [key, hits] of this.#hits) {
      if (!hits.isOver(now)) {
        break;
      }
      this.#hits.delete(key);
    }
  }
}
