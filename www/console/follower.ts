/** Starts the live view, and restarts it if its dependencies change. */

import type { Tools } from "@countersign/ui/viewer/session/session.js";
import { trustName, trustText } from "../src/input/trust.ts";
import type { History } from "./history.ts";
import type { Log } from "./log.ts";
import type { Reader } from "./reader.ts";
import { Watch } from "./watch.ts";

interface FollowerDependencies {
  readonly log: Log;
  readonly reader: Reader;
  readonly history: History;
  readonly tools: () => Promise<Tools>;
  readonly changed: () => void;
}

export class Follower {
  /** The current or last live view. */
  watch: Watch | undefined;
  readonly #dependencies: FollowerDependencies;

  constructor(dependencies: FollowerDependencies) {
    this.#dependencies = dependencies;
  }

  get isFollowing(): boolean {
    return this.watch?.isFollowing ?? false;
  }

  /** True while it is connected, too. */
  get isConnected(): boolean {
    return this.isFollowing && this.watch?.link.state === "following";
  }

  async begin(): Promise<void> {
    const { log, reader, history, tools, changed } = this.#dependencies;
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
      // Under another trust, it is verified again.
      if (trust !== trustText(reader.trust)) return;
      if (watch.alarm !== undefined) history.alarm ??= watch.alarm;
      else if (!history.process(watch.session) && watch === this.watch) void this.begin();
      changed();
    });
    changed();
  }

  /** Closes the live view and frees everything it keeps. */
  close(): void {
    this.watch?.close();
    this.watch = undefined;
  }
}
