/** Begins the live view, again where that is needed, and tells of what it finds. */

import type { Tools } from "@countersign/ui/viewer/session/session.js";
import { trustName, trustText } from "../src/input/trust.ts";
import type { History } from "./history.ts";
import type { Log } from "./log.ts";
import type { Reader } from "./reader.ts";
import { Watch } from "./watch.ts";

interface Needed {
  readonly log: Log;
  readonly reader: Reader;
  readonly history: History;
  readonly tools: () => Promise<Tools>;
  readonly changed: () => void;
}

export class Follower {
  /** The live view that runs, or ran last. */
  watch: Watch | undefined;
  readonly #needed: Needed;

  constructor(needed: Needed) {
    this.#needed = needed;
  }

  get isFollowing(): boolean {
    return this.watch?.isFollowing ?? false;
  }

  async begin(): Promise<void> {
    const { log, reader, history, tools, changed } = this.#needed;
    const workers = await tools();
    await history.ask();
    if (!reader.mayRead) return;
    this.watch?.close();
    const { seen, boundary, published } = history;
    const trust = trustText(reader.trust);
    const watch = new Watch(log, workers, {
      trust,
      trustName: trustName(reader.trust),
      seen,
      boundary,
      isEmpty: published?.size === 0,
    });
    this.watch = watch;
    watch.addEventListener("change", () => {
      const { refusal } = watch;
      if (watch === this.watch && refusal?.status === 401) reader.deny(refusal);
      changed();
    });
    watch.addEventListener("report", () => {
      // By another trust it is verified anew.
      if (trust !== trustText(reader.trust)) return;
      if (watch.alarm !== undefined) history.alarm ??= watch.alarm;
      else if (!history.take(watch.session) && watch === this.watch) void this.begin();
      changed();
    });
    changed();
  }

  /** Ends it with all it keeps. */
  close(): void {
    this.watch?.close();
    this.watch = undefined;
  }
}
