/**
 * Creates `verify` for a way to load the core and to start workers. The package's entries use it with their runtime's
 * defaults. Use it directly to provide the core and the worker yourself, for example inlined in a page. The worker is
 * the script `countersign/verify/worker`, bundled as a single file.
 *
 * @example
 * ```ts
 * const { verify } = createVerifier({
 *   module: () => WebAssembly.compile(bytesOfVerifierWasm),
 *   worker: () => new Worker(URL.createObjectURL(new Blob([textOfWorker], { type: "text/javascript" }))),
 * });
 * ```
 */

import { loading, type ModuleSource } from "../artifact/load.js";
import { CountersignError } from "../error.js";
import { deferred } from "../promises.js";
import type { WorkerLike } from "../rpc/worker-group.js";
import { CallbackListener } from "./callback-listener.js";
import { InlineEngine } from "./inline.js";
import { type Lines, openLines } from "./lines.js";
import {
  type LiveOptions,
  ownVerifyOptions,
  type ReadingOptions,
  readTask,
  readThreads,
  type VerifyOptions,
} from "./options.js";
import { judgeReceipt, type VerifyReceipt } from "./receipt.js";
import {
  type ArchiveOutcome,
  CHUNK_BYTES,
  type Engine,
  type Listener,
  never,
  type Outcome,
  type Task,
} from "./roles.js";
import { open, type Reading, type Source } from "./source.js";
import { WorkerEngine } from "./worker-engine.js";

/** The core and the workers of a verifier. */
export interface VerifierSetup {
  /** The WebAssembly module `verifier`. A function is called once on first use, and again after a failure. */
  module: ModuleSource;
  /** Starts a worker that runs `countersign/verify/worker`. Without it, all work is done inline. */
  worker?: (() => WorkerLike) | undefined;
}

/** Additional settings for the viewer. */
interface PlainSetup {
  /** The smaller module `verifier-plain`, used in workers for exports that begin as uncompressed text. */
  plain?: ModuleSource;
}

export type { WorkerLike } from "../rpc/worker-group.js";

/** The result of verifying an export. */
export type Verification = Outcome;

/** Verifies an export. */
export type Verify = (source: Source, options?: VerifyOptions) => Promise<Verification>;

/** Verifies an export, which may be an already opened source. */
export type VerifyReading = (source: Source | Reading, options?: ReadingOptions) => Promise<Verification>;

/**
 * Verifies an export again from its archive, with another trust file, other pins, or other expectations. The result is
 * that of verifying the export. There are no events. An archive is trusted, so it must come from `onArchive` of the
 * same page.
 */
export type VerifyArchive = (
  archive: Blob,
  options?: Omit<VerifyOptions, "onEvents" | "threads">,
) => Promise<ArchiveOutcome>;

/**
 * Verifies a growing export line by line, such as a log server's live view read by `readStream`. When the lines end, it
 * resolves like `verify`.
 */
export type VerifyLive = (lines: Lines, options: LiveOptions) => Promise<Verification>;

/** Exports below this size, in bytes, use one worker, because starting more takes longer than it saves. */
const MIN_PARALLEL_BYTES = 4 << 20;
/** Default limit of workers. */
const MAX_DEFAULT_THREADS = 8;

/** Creates `verify`, `verifyLive`, and `verifyReceipt`. */
export function createVerifier({ module, plain, worker }: VerifierSetup & PlainSetup): {
  verify: VerifyReading;
  verifyLive: VerifyLive;
  verifyArchive: VerifyArchive;
  verifyReceipt: VerifyReceipt;
} {
  const verifierModule = loading("verifier", module);
  const ofText = plain === undefined ? verifierModule : loading("verifier", plain);
  let canStart = worker !== undefined;
  const starter =
    (task: Task, chosen: number | undefined, threads: number): Start =>
    async (first, listener, isOver, hold) => {
      // A thread keeps the first module that it instantiates, and a worker reads only one export.
      const inline = async () => hold(await InlineEngine.start(await verifierModule(), task, listener));
      if (worker === undefined || threads === 0 || (chosen === undefined && !canStart)) {
        return inline();
      }
      const module = await (task.isArchive || isText(first) ? ofText() : verifierModule());
      if (isOver()) {
        // No code would stop workers that start after the end.
        return never();
      }
      try {
        const engine = hold(new WorkerEngine(module, worker, threads, task, listener));
        await engine.started;
        return engine;
      } catch (error) {
        const isUnavailable = error instanceof CountersignError && error.code === "worker.unavailable";
        if (chosen !== undefined || !isUnavailable) {
          throw error;
        }
        // Bundlers that don't know the worker syntax don't copy its script.
        canStart = false;
        console.warn(`countersign: verifying without workers, which is slower: ${error.message} (${error.hint})`);
        return inline();
      }
    };
  const verify: VerifyReading = async (source, input = {}) => {
    const options = ownVerifyOptions(input);
    options?.signal?.throwIfAborted();
    const task = readTask(options);
    const chosen = readThreads(options);
    const reading = open(source);
    task.wants.offsets = reading.kept !== undefined;
    return run(reading, options, starter(task, chosen, chosen ?? defaultThreads(reading.total)));
  };
  const verifyLive: VerifyLive = async (lines, input) => {
    const options = ownVerifyOptions(input);
    options?.signal?.throwIfAborted();
    const task = readTask(options, true);
    const chosen = readThreads(options);
    return run(openLines(lines), options, starter(task, chosen, Math.min(chosen ?? 1, 1)));
  };
  const verifyArchive: VerifyArchive = async (archive, input = {}) => {
    const options = ownVerifyOptions(input);
    options?.signal?.throwIfAborted();
    const task = { ...readTask(options), isArchive: true };
    return (await run(open(archive), options, starter(task, undefined, 1))) as ArchiveOutcome;
  };
  const verifyReceipt: VerifyReceipt = async (receipt, entry, options) =>
    judgeReceipt(await verifierModule(), receipt, entry, options);
  return { verify, verifyLive, verifyArchive, verifyReceipt };
}

/**
 * Starts an engine for an export that begins with these bytes. Each engine is passed to `hold` before it works, which
 * stops the previous one, so that it can be stopped.
 */
type Start = (
  first: Uint8Array | undefined,
  listener: Listener,
  isOver: () => boolean,
  hold: <E extends Engine>(engine: E) => E,
) => Promise<Engine>;

/** True if an export begins as uncompressed text: with its header or white space. */
function isText([first]: Uint8Array = new Uint8Array()): boolean {
  return first === undefined || "{ \t\r\n".includes(String.fromCharCode(first));
}

function defaultThreads(size: number | undefined): number {
  if (size !== undefined && size < MIN_PARALLEL_BYTES) {
    return 1;
  }
  return Math.min(globalThis.navigator?.hardwareConcurrency ?? 1, MAX_DEFAULT_THREADS);
}

async function run(
  reading: Reading,
  options: ReadingOptions & Partial<Pick<LiveOptions, "onReport">>,
  start: Start,
): Promise<Outcome> {
  const { signal } = options;
  const failure = deferred<never>();
  const abort = () => failure.reject(signal?.reason);
  const listening = new CallbackListener(options, reading.total, failure.reject);
  let isOver = false;
  let engine: Engine | undefined;
  const hold = <E extends Engine>(begun: E) => {
    engine?.stop();
    engine = begun;
    if (isOver) {
      begun.stop();
    }
    return begun;
  };
  const drive = async () => {
    const first = await reading.next(new ArrayBuffer(CHUNK_BYTES));
    const started = await start(first, listening, () => isOver, hold);
    for (let chunk = first; chunk !== undefined; chunk = await reading.next(started.buffer())) {
      await started.feed(chunk);
    }
    const outcome = await started.end();
    await listening.end(outcome);
    return outcome;
  };
  signal?.addEventListener("abort", abort);
  try {
    return await Promise.race([drive(), failure.promise]);
  } catch (error) {
    // Aborting often causes another error first, such as that of a fetch with the same signal.
    const reason = signal?.aborted ? signal.reason : error;
    reading.cancel(reason);
    throw reason;
  } finally {
    isOver = true;
    signal?.removeEventListener("abort", abort);
    listening.stop();
    engine?.stop();
  }
}
