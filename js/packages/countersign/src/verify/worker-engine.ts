/** Verifies in workers: a single one, or a coordinator with summarizers. */

import { CountersignError } from "../error.js";
import { type Remote, transfer } from "../rpc/connect.js";
import { deserializeError, peerFailed } from "../rpc/errors.js";
import { WorkerGroup, type WorkerLike } from "../rpc/worker-group.js";
import { WorkerPool } from "../rpc/worker-pool.js";
import {
  CHUNK_BYTES,
  type Engine,
  type Listener,
  type Outcome,
  type Role,
  type Task,
  type VerifyHost,
  type VerifyWorker,
} from "./roles.js";

/** Maximum bytes on their way to the worker that is fed. */
const MAX_BYTES = 4 << 20;

/** The engine that uses workers. */
export class WorkerEngine implements Engine {
  /** Resolves when the workers have started; rejects with `worker.unavailable` if they can't. */
  readonly started: Promise<void>;
  readonly #group: WorkerGroup;
  readonly #first: Remote<VerifyWorker>;
  /** A pool of just the first worker, which is the one that is fed. */
  readonly #fed: WorkerPool<Remote<VerifyWorker>>;
  readonly #listener: Listener;
  readonly #spare: ArrayBuffer[] = [];

  constructor(module: WebAssembly.Module, start: () => WorkerLike, threads: number, task: Task, listener: Listener) {
    this.#listener = listener;
    const host: VerifyHost = {
      show: (kind, bytes) => listener.show(kind, bytes),
      found: (findings, phrases) => listener.found(findings, phrases),
      report: (outcome) => listener.report(outcome),
      archived: (archive) => listener.archived(archive),
      fail: (error) => listener.fail(deserializeError(error, "verifier")),
    };
    let hasStarted = false;
    this.#group = new WorkerGroup("verifier", (message, cause) => {
      if (!hasStarted) {
        return unavailable(message, cause);
      }
      const error = peerFailed("verifier", message, cause);
      listener.fail(error);
      return error;
    });
    const begin = (role: Role) => {
      const remote = this.#group.add<VerifyWorker>(start(), host);
      return { remote, begun: remote.begin(module, role) };
    };
    try {
      const [first, ...others] = assignRoles(threads, task);
      const { remote, begun } = begin(first);
      this.#first = remote;
      this.#fed = new WorkerPool({ workers: [remote], maxLoad: MAX_BYTES });
      const all = [begun, ...others.map((other) => begin(other).begun)];
      this.started = this.#group.ask(async () => {
        await Promise.all(all);
        hasStarted = true;
      });
    } catch (cause) {
      this.stop();
      throw unavailable(String(cause), cause);
    }
  }

  buffer(): ArrayBuffer {
    return this.#spare.pop() ?? new ArrayBuffer(CHUNK_BYTES);
  }

  async feed(chunk: Uint8Array): Promise<void> {
    const { length } = chunk;
    const done = this.#fed.run(length, async (remote) => {
      const { counts, spent } = await remote.chunk(transfer(chunk, chunk));
      this.#spare.push(spent);
      this.#listener.taken(length, counts);
    });
    done.catch(this.#listener.fail);
    await this.#fed.room();
  }

  end(): Promise<Outcome> {
    return this.#first.end();
  }

  stop(): void {
    this.#group.end(new DOMException("verification was stopped", "AbortError"));
  }
}

/** Assigns roles with their ports. The first is for the worker that is fed. */
function assignRoles(threads: number, task: Task): [Role, ...Role[]] {
  if (threads === 1) {
    return [{ role: "single", task }];
  }
  const channels = Array.from({ length: threads }, () => new globalThis.MessageChannel());
  const summarizers = channels.map(({ port1 }) => port1);
  return [
    transfer<Role>({ role: "coordinator", task, summarizers }, ...summarizers),
    ...channels.map(({ port2: coordinator }) =>
      transfer<Role>({ role: "summarizer", trust: task.trust, coordinator }, coordinator),
    ),
  ];
}

function unavailable(message: string, cause: unknown): CountersignError {
  const inProgram =
    Object(cause).code === "ERR_ACCESS_DENIED"
      ? "run Node.js with --allow-worker"
      : "exclude countersign from the bundle, because bundlers don't copy the worker's script";
  const where =
    typeof document === "undefined"
      ? inProgram
      : "serve the worker's script from the page's origin, and allow it in worker-src of the page's Content-Security-Policy ('self', or blob: if it is inlined)";
  const hint = `${where}; or set \`threads\` to 0 to verify without workers`;
  return new CountersignError("worker.unavailable", `a worker could not be started: ${message}`, { hint, cause });
}
