/**
 * `verify` for a given way to load the core and to start workers. The package's entries call this with their own
 * runtime's; whoever brings the core and the worker along, inlined in a page for one, calls it too:
 *
 *     const { verify } = createVerifier({
 *       module: () => WebAssembly.compile(bytesOfVerifierWasm),
 *       worker: () => new Worker(URL.createObjectURL(new Blob([textOfWorker], { type: "text/javascript" }))),
 *     });
 *
 * The worker is the script `countersign/verify/worker`, bundled as one.
 */

import { loading, type ModuleSource } from "../artifact/load.js";
import { CountersignError } from "../error.js";
import { deferred } from "../promises.js";
import type { WorkerLike } from "../rpc/worker-group.js";
import { Inline } from "./inline.js";
import { type Lines, openLines } from "./lines.js";
import { Listening } from "./listening.js";
import { type LiveOptions, ownVerifyOptions, readTask, readThreads, type VerifyOptions } from "./options.js";
import { type Engine, type Listener, never, type Outcome, PIECE, type Task } from "./roles.js";
import { open, type Reading, type Source } from "./source.js";
import { WorkerEngine } from "./worker-engine.js";

/** How a runtime loads the core and starts workers. */
export interface VerifierSetup {
  /** The artifact `verifier`. It is asked for at most once at a time, and again after it failed. */
  module: ModuleSource;
  /** Starts a worker that runs `countersign/verify/worker`. Without it all work is done inline. */
  worker?: (() => WorkerLike) | undefined;
}

/** What the viewer has besides. */
interface PlainSetup {
  /** The artifact `verifier-plain`, which is smaller: workers get it in place of `module` where the export begins as text does. */
  plain?: ModuleSource;
}

export type { WorkerLike } from "../rpc/worker-group.js";

/** What verifying gave. */
export type Verification = Outcome;

/** Verifies an export. */
export type Verify = (source: Source, options?: VerifyOptions) => Promise<Verification>;

/** The same of what somebody else opened, too. */
export type VerifyReading = (source: Source | Reading, options?: VerifyOptions) => Promise<Verification>;

/**
 * Verifies an export that goes on, such as a log server's live view that `readStream` reads, line by line. Resolves as
 * `verify` does when the lines end.
 */
export type VerifyLive = (lines: Lines, options: LiveOptions) => Promise<Verification>;

/** What is smaller than this is left to one worker: more would take longer to start than to help. */
const SMALL = 4 << 20;
/** How many workers share the work where nothing else was said. */
const MOST_BY_DEFAULT = 8;

/** Makes a `verify` and a `verifyLive`. */
export function createVerifier({ module, plain, worker }: VerifierSetup & PlainSetup): {
  verify: VerifyReading;
  verifyLive: VerifyLive;
} {
  const whole = loading("verifier", module);
  const ofText = plain === undefined ? whole : loading("verifier", plain);
  let canStart = worker !== undefined;
  const starter =
    (task: Task, asked: number | undefined, threads: number): Start =>
    async (first, listener, isOver, hold) => {
      // A thread keeps the first one that it starts, and a worker reads one export.
      const inline = async () => hold(await Inline.start(await whole(), task, listener));
      if (worker === undefined || threads === 0 || (asked === undefined && !canStart)) {
        return inline();
      }
      const module = await (isText(first) ? ofText() : whole());
      if (isOver()) {
        // Nobody would stop workers that were started after the end.
        return never();
      }
      try {
        const engine = hold(new WorkerEngine(module, worker, threads, task, listener));
        await engine.started;
        return engine;
      } catch (error) {
        const isUnavailable = error instanceof CountersignError && error.code === "worker.unavailable";
        if (asked !== undefined || !isUnavailable) {
          throw error;
        }
        // Bundlers that do not know of workers leave their scripts behind.
        canStart = false;
        console.warn(
          `countersign: verifying goes on without workers, which is slower: ${error.message} (${error.hint})`,
        );
        return inline();
      }
    };
  const verify: VerifyReading = async (source, given = {}) => {
    const options = ownVerifyOptions(given);
    options?.signal?.throwIfAborted();
    const task = readTask(options);
    const asked = readThreads(options);
    const reading = open(source);
    task.wants.offsets = reading.kept !== undefined;
    return run(reading, options, starter(task, asked, asked ?? defaultThreads(reading.total)));
  };
  const verifyLive: VerifyLive = async (lines, given) => {
    const options = ownVerifyOptions(given);
    options?.signal?.throwIfAborted();
    const task = readTask(options, true);
    const asked = readThreads(options);
    return run(openLines(lines), options, starter(task, asked, Math.min(asked ?? 1, 1)));
  };
  return { verify, verifyLive };
}

/**
 * Starts an engine for an export that begins with these bytes. `hold` is given each before it works, so that it can be
 * stopped; the one before it is.
 */
type Start = (
  first: Uint8Array | undefined,
  listener: Listener,
  isOver: () => boolean,
  hold: <E extends Engine>(engine: E) => E,
) => Promise<Engine>;

/** Whether an export begins as the text of one does, and so not as what is compressed: with its header or what is blank. */
function isText([first]: Uint8Array = new Uint8Array()): boolean {
  return first === undefined || "{ \t\r\n".includes(String.fromCharCode(first));
}

function defaultThreads(size: number | undefined): number {
  if (size !== undefined && size < SMALL) {
    return 1;
  }
  return Math.min(globalThis.navigator?.hardwareConcurrency ?? 1, MOST_BY_DEFAULT);
}

async function run(
  reading: Reading,
  options: VerifyOptions & Partial<Pick<LiveOptions, "onReport">>,
  start: Start,
): Promise<Outcome> {
  const { signal } = options;
  const failure = deferred<never>();
  const abort = () => failure.reject(signal?.reason);
  const listening = new Listening(options, reading.total, failure.reject);
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
    const first = await reading.next(new ArrayBuffer(PIECE));
    const started = await start(first, listening, () => isOver, hold);
    for (let piece = first; piece !== undefined; piece = await reading.next(started.buffer())) {
      await started.feed(piece);
    }
    const outcome = await started.end();
    await listening.end(outcome);
    return outcome;
  };
  signal?.addEventListener("abort", abort);
  try {
    return await Promise.race([drive(), failure.promise]);
  } catch (error) {
    // What is aborted often fails in its own way first: a fetch with the same signal, for one.
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
