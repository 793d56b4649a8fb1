/** Verifies in workers: one alone, or a coordinator with summarizers. */

import { CountersignError } from "../error.js";
import { type Remote, transfer } from "../rpc/connect.js";
import { deserializeError, peerFailed } from "../rpc/errors.js";
import { WorkerGroup, type WorkerLike } from "../rpc/worker-group.js";
import { WorkerPool } from "../rpc/worker-pool.js";
import {
  type Engine,
  type Listener,
  type Outcome,
  PIECE,
  type Role,
  type Task,
  type VerifyHost,
  type VerifyWorker,
} from "./roles.js";

/** Bytes that may be under way to the worker that is fed. */
const MAX_BYTES = 4 << 20;

/** The engine for where there are workers. */
export class WorkerEngine implements Engine {
  /** Resolves when it works, and rejects with `worker.unavailable` where its workers do not start. */
  readonly started: Promise<void>;
  readonly #group: WorkerGroup;
  readonly #first: Remote<VerifyWorker>;
  /** The first worker alone: it is the one that is fed. */
  readonly #fed: WorkerPool<Remote<VerifyWorker>>;
  readonly #listener: Listener;
  readonly #spare: ArrayBuffer[] = [];

  constructor(module: WebAssembly.Module, start: () => WorkerLike, threads: number, task: Task, listener: Listener) {
    this.#listener = listener;
    const host: VerifyHost = {
      show: (what, bytes) => listener.show(what, bytes),
      found: (findings, phrases) => listener.found(findings, phrases),
      report: (outcome) => listener.report(outcome),
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
    return this.#spare.pop() ?? new ArrayBuffer(PIECE);
  }

  async feed(piece: Uint8Array): Promise<void> {
    const { length } = piece;
    const taken = this.#fed.run(length, async (remote) => {
      const { counts, spent } = await remote.chunk(transfer(piece, piece));
      this.#spare.push(spent);
      this.#listener.taken(length, counts);
    });
    taken.catch(this.#listener.fail);
    await this.#fed.room();
  }

  end(): Promise<Outcome> {
    return this.#first.end();
  }

  stop(): void {
    this.#group.end(new DOMException("verifying was ended", "AbortError"));
  }
}

/** Gives out the roles, with their ports, first that of the worker that is fed. */
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
      ? "give Node.js --allow-worker"
      : "its script is a file of this package, which a bundler leaves behind: have it leave countersign out of the bundle";
  const where =
    typeof document === "undefined"
      ? inProgram
      : "its script must be served from the page's own origin, and the page's Content-Security-Policy must allow it in worker-src ('self', or blob: where it is inlined)";
  const hint = `${where}; threads: 0 works without workers`;
  return new CountersignError("worker.unavailable", `a worker could not be started: ${message}`, { hint, cause });
}
