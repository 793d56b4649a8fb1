/** Verifies in workers: one alone, or a coordinator with summarizers. */

import { CountersignError } from "../error.js";
import { Notifier } from "../promises.js";
import { type Remote, transfer } from "../rpc/connect.js";
import { deserializeError, peerFailed } from "../rpc/errors.js";
import { WorkerGroup, type WorkerLike } from "../rpc/worker-group.js";
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

/** How many bytes may be on their way to the first worker. */
const UNDER_WAY = 4 << 20;

/** The engine for where there are workers. */
export class WorkerPool implements Engine {
  /** Resolves when it works, and rejects with `worker.unavailable` where its workers do not start. */
  readonly started: Promise<void>;
  readonly #group: WorkerGroup;
  /** The one that is fed. */
  readonly #first: Remote<VerifyWorker>;
  readonly #listener: Listener;
  readonly #spare: ArrayBuffer[] = [];
  #underWay = 0;
  readonly #room = new Notifier();

  constructor(module: WebAssembly.Module, start: () => WorkerLike, threads: number, task: Task, listener: Listener) {
    this.#listener = listener;
    const host: VerifyHost = {
      show: (what, bytes) => listener.show(what, bytes),
      found: (findings) => listener.found(findings),
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
    this.#underWay += length;
    this.#first.chunk(transfer(piece, piece)).then(({ counts, spent }) => {
      this.#underWay -= length;
      this.#spare.push(spent);
      this.#room.notify();
      this.#listener.taken(length, counts);
    }, this.#listener.fail);
    await this.#room.until(() => this.#underWay < UNDER_WAY);
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
