/** Verifies on the current thread, in small steps that let other tasks run. */

import { codedBy } from "../rpc/errors.js";
import init, { ArchiveVerifier, Verifier } from "../wasm/verifier.js";
import { ArchiveCollector, report } from "./results.js";
import { CHUNK_BYTES, type Engine, type Listener, never, type Outcome, type Task } from "./roles.js";

/** Milliseconds after which other tasks can run. */
const STEP_MS = 25;
/** Bytes after which other tasks can run, for runtimes whose clock stands still during work. */
const STEP_BYTES = 4 << 20;

/** The engine for runtimes without workers, for callers that want none, and for a worker that verifies alone. */
export class InlineEngine implements Engine {
  #verifier: Verifier | ArchiveVerifier;
  #listener: Listener;
  #yields: boolean;
  #live: ReturnType<typeof liveReporter> | undefined;
  #archive: ReturnType<typeof archiver> | undefined;
  #spare = new ArrayBuffer(CHUNK_BYTES);
  #stepStart = performance.now();
  #stepBytes = 0;
  #stopped = false;
  #isReporting = false;

  /** The core must be loaded. */
  constructor(task: Task, listener: Listener, yields: boolean) {
    this.#listener = listener;
    this.#yields = yields;
    const { trust, pins, expect, wants, isArchive } = task;
    if (isArchive) {
      this.#verifier = new ArchiveVerifier(trust, pins, expect, wants);
    } else {
      const verifier = new Verifier(trust, pins, expect, wants);
      this.#verifier = verifier;
      this.#live = wants.live ? liveReporter(task, verifier, listener, () => !this.#isReporting) : undefined;
      this.#archive = wants.archive ? archiver(verifier, listener) : undefined;
    }
  }

  static async start(module: WebAssembly.Module, task: Task, listener: Listener): Promise<InlineEngine> {
    await init({ module_or_path: module });
    return core(() => new InlineEngine(task, listener, true));
  }

  buffer(): ArrayBuffer {
    return this.#spare;
  }

  async feed(chunk: Uint8Array): Promise<void> {
    for (let rest = chunk; rest.length > 0; ) {
      const length = core(() => this.#verifier.push(rest));
      rest = rest.subarray(length);
      this.#archive?.collect();
      const { lines, events } = this.#verifier;
      this.#listener.taken(length, { lines, events });
      await this.#report();
      await this.#pauseAfter(length);
    }
    if (this.#live !== undefined) {
      const live = this.#live;
      core(() => live.settle());
      await this.#report();
      core(() => live.check());
    }
    this.#spare = chunk.buffer as ArrayBuffer;
  }

  async end(): Promise<Outcome> {
    const outcome = core(() => this.#verifier.finish() as Outcome);
    this.#archive?.finish();
    await this.#report();
    return outcome;
  }

  stop(): void {
    if (!this.#stopped) {
      this.#stopped = true;
      this.#live?.stop();
      this.#verifier.free();
    }
  }

  /** Passes new results to the listener. */
  async #report(): Promise<void> {
    this.#isReporting = true;
    await report(this.#verifier, this.#listener, () => (this.#stopped ? never() : undefined));
    this.#isReporting = false;
  }

  async #pauseAfter(bytes: number): Promise<void> {
    if (!this.#yields) {
      return;
    }
    this.#stepBytes += bytes;
    if (this.#stepBytes >= STEP_BYTES || performance.now() - this.#stepStart >= STEP_MS) {
      await yieldToOthers();
      this.#stepBytes = 0;
      this.#stepStart = performance.now();
    }
    if (this.#stopped) {
      await never();
    }
  }
}

/** Resolves after other tasks ran, without the delay of a timer if possible. */
function yieldToOthers(): Promise<void> {
  return new Promise((resolve) => {
    const { setImmediate } = globalThis as unknown as { setImmediate?: (resolve: () => void) => unknown };
    try {
      // Next.js's edge runtime has a `setImmediate` that throws.
      (setImmediate ?? setTimeout)(resolve);
    } catch {
      setTimeout(resolve);
    }
  });
}

function core<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw codedBy("verifier", error);
  }
}

/** Collects a verifier's archive, and passes it on at the end. */
function archiver(verifier: Verifier, to: Listener) {
  const collector = new ArchiveCollector();
  return { collect: () => collector.collect(verifier), finish: () => collector.finish(verifier, to) };
}

/** Minimum milliseconds between two reports. */
const MIN_REPORT_INTERVAL_MS = 250;

/**
 * Makes the core verify the available lines, and passes on its reports at a limited rate. `isReady` returns false while
 * earlier results are still being passed on; the next call to `check` then tries again.
 */
function liveReporter({ measuresNow, expect }: Task, verifier: Verifier, to: Listener, isReady: () => boolean) {
  const now = () => new Date(Date.now() - (expect?.restMs ?? 0)).toISOString();
  let reportedAt = Number.NEGATIVE_INFINITY;
  let later: ReturnType<typeof setTimeout> | undefined;
  const reportNow = () => {
    const outcome = isReady() ? (verifier.takeReport() as Outcome | undefined) : undefined;
    if (outcome !== undefined) {
      reportedAt = performance.now();
      to.report(outcome);
    }
  };
  const reportLater = () => {
    later = undefined;
    try {
      reportNow();
    } catch (error) {
      to.fail(error);
    }
  };
  return {
    /** Verifies the complete lines. */
    settle: () => verifier.settle(measuresNow ? now() : undefined),
    /** Passes on a report if there is one, now or after the interval. */
    check: () => {
      const wait = reportedAt + MIN_REPORT_INTERVAL_MS - performance.now();
      if (wait <= 0) {
        reportNow();
      } else {
        later ??= setTimeout(reportLater, wait);
      }
    },
    /** Stops passing on reports. */
    stop: () => clearTimeout(later),
  };
}
