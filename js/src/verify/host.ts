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

import { CountersignError } from "../error.js";
import { Crew } from "./crew.js";
import { type Engine, type Listener, never } from "./engine.js";
import { Inline } from "./inline.js";
import { LineReading, type Lines } from "./lines.js";
import { Listening } from "./listening.js";
import { type LiveOptions, readTask, readThreads, type VerifyOptions } from "./options.js";
import type { Outcome, Task } from "./protocol.js";
import { open, type Reading, type Source } from "./source.js";

/** How a runtime loads the core and starts workers. */
export interface VerifierSetup {
  /** The artefact `verifier`. It is asked for at most once at a time, and again after it failed. */
  module: WebAssembly.Module | (() => Promise<WebAssembly.Module>);
  /** Starts a worker that runs `countersign/verify/worker`. Without it all work is done inline. */
  worker?: (() => WorkerLike) | undefined;
}

/** As much of a `Worker` as is needed; other kinds of threads can be made to look like it. */
export interface WorkerLike {
  postMessage(message: unknown, transfer: Transferable[]): void;
  terminate(): void;
  onmessage: ((event: MessageEvent) => unknown) | null;
  onerror: ((event: ErrorEvent) => unknown) | null;
  onmessageerror: ((event: MessageEvent) => unknown) | null;
}

/** What verifying gave. */
export type Verification = Outcome;

/** Verifies an export. */
export type Verify = (source: Source, options?: VerifyOptions) => Promise<Verification>;

/**
 * Verifies an export that goes on, such as a collector's live view that `readStream` reads, line by line. Resolves as
 * `verify` does when the lines end.
 */
export type VerifyLive = (lines: Lines, options: LiveOptions) => Promise<Verification>;

/** What is smaller than this is left to one worker: more would take longer to start than to help. */
const SMALL = 4 << 20;
/** How many workers share the work where nothing else was said. */
const MOST_BY_DEFAULT = 8;

/** Makes a `verify` and a `verifyLive`. */
export function createVerifier({ module, worker }: VerifierSetup): { verify: Verify; verifyLive: VerifyLive } {
  const load = module instanceof WebAssembly.Module ? async () => module : loader(module);
  const start = async (task: Task, threads: number, listener: Listener, isOver: () => boolean) => {
    const module = await load();
    if (worker === undefined || threads === 0) {
      return Inline.start(module, task, listener);
    }
    // Nobody would stop workers that were started after the end.
    return isOver() ? never() : new Crew(module, worker, threads, task, listener);
  };
  const verify: Verify = async (source, options = {}) => {
    options.signal?.throwIfAborted();
    const task = readTask(options);
    const asked = readThreads(options);
    const reading = open(source);
    const threads = asked ?? defaultThreads(reading.total);
    return run(reading, options, (...engine) => start(task, threads, ...engine));
  };
  const verifyLive: VerifyLive = async (lines, options) => {
    options.signal?.throwIfAborted();
    const task = readTask(options, true);
    const threads = Math.min(readThreads(options) ?? 1, 1);
    return run(new LineReading(lines), options, (...engine) => start(task, threads, ...engine));
  };
  return { verify, verifyLive };
}

function defaultThreads(size: number | undefined): number {
  if (size !== undefined && size < SMALL) {
    return 1;
  }
  return Math.min(globalThis.navigator?.hardwareConcurrency ?? 1, MOST_BY_DEFAULT);
}

/** Loads once; a failure is told to those who wait, and tried again by the next. */
function loader(load: () => Promise<WebAssembly.Module>): () => Promise<WebAssembly.Module> {
  let loading: Promise<WebAssembly.Module> | undefined;
  return () => {
    loading ??= load().catch((cause) => {
      loading = undefined;
      throw new CountersignError("wasm.unavailable", "the verifier's WebAssembly could not be loaded", {
        hint: "a Content-Security-Policy must allow 'wasm-unsafe-eval' in script-src, and in connect-src where the .wasm file is",
        cause,
      });
    });
    return loading;
  };
}

async function run(
  reading: Reading,
  options: VerifyOptions & Partial<Pick<LiveOptions, "onReport">>,
  start: (listener: Listener, isOver: () => boolean) => Promise<Engine>,
): Promise<Outcome> {
  const { signal } = options;
  const failure = Promise.withResolvers<never>();
  const abort = () => failure.reject(signal?.reason);
  const listening = new Listening(options, reading.total, failure.reject);
  let isOver = false;
  let engine: Engine | undefined;
  const drive = async () => {
    engine = await start(listening, () => isOver);
    for (;;) {
      const piece = await reading.next(engine.buffer());
      if (piece === undefined) {
        break;
      }
      await engine.feed(piece);
    }
    const outcome = await engine.end();
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
