/** Verifies in workers: one alone, or a coordinator with summarizers. */

import { deferred } from "../deferred.js";
import { CountersignError } from "../error.js";
import { type Engine, engineError, FAILED, type Listener, PIECE } from "./engine.js";
import {
  type FromWorker,
  type Movable,
  moved,
  type Outcome,
  plainError,
  type Role,
  type Task,
  type ToWorker,
} from "./messages.js";
import type { WorkerLike } from "./port.js";

/** How many bytes may be on their way to the first worker. */
const UNDER_WAY = 4 << 20;

/** The engine for where there are workers. */
export class WorkerPool implements Engine {
  #workers: WorkerLike[] = [];
  /** The one that is fed. */
  #first: WorkerLike;
  #listener: Listener;
  #starting: number;
  #ready = deferred();
  #spare: ArrayBuffer[] = [];
  #underWay = 0;
  #room = deferred();
  #done = deferred<Outcome>();

  constructor(module: WebAssembly.Module, start: () => WorkerLike, threads: number, task: Task, listener: Listener) {
    const [first, others] = assignRoles(threads, task);
    this.#listener = listener;
    this.#starting = 1 + others.length;
    const begin = ({ role, ports }: Part) => {
      const worker = start();
      this.#workers.push(worker);
      this.#listen(worker);
      post(worker, { type: "begin", module, role }, ports);
      return worker;
    };
    try {
      this.#first = begin(first);
      others.forEach(begin);
    } catch (cause) {
      this.stop();
      throw unavailable(String(cause), cause);
    }
  }

  get started(): Promise<void> {
    return this.#ready.promise;
  }

  buffer(): ArrayBuffer {
    return this.#spare.pop() ?? new ArrayBuffer(PIECE);
  }

  async feed(piece: Uint8Array): Promise<void> {
    this.#underWay += piece.length;
    post(this.#first, { type: "chunk", bytes: piece }, moved(piece));
    while (this.#underWay >= UNDER_WAY) {
      this.#room = deferred();
      await this.#room.promise;
    }
  }

  async end(): Promise<Outcome> {
    post(this.#first, { type: "end" }, []);
    return this.#done.promise;
  }

  stop(): void {
    for (const worker of this.#workers) {
      worker.onmessage = null;
      worker.onerror = null;
      worker.terminate();
    }
  }

  #listen(worker: WorkerLike): void {
    worker.onmessage = ({ data }) => this.#receive(data as FromWorker);
    worker.onmessageerror = () =>
      this.#listener.fail(engineError(plainError(new Error("a message could not be read"))));
    worker.onerror = (event) => {
      event.preventDefault?.();
      const message = event.message ?? "it did not start";
      if (this.#starting > 0) {
        this.#ready.reject(unavailable(message, event.error));
        return;
      }
      this.#listener.fail(
        new CountersignError("worker.failed", `a worker failed: ${message}`, { hint: FAILED, cause: event.error }),
      );
    };
  }

  #receive(message: FromWorker): void {
    switch (message.type) {
      case "ready":
        this.#starting -= 1;
        if (this.#starting === 0) {
          this.#ready.resolve();
        }
        break;
      case "taken":
        this.#underWay -= message.bytes;
        if (message.spent !== undefined) {
          this.#spare.push(message.spent);
        }
        this.#room.resolve();
        this.#listener.taken(message.bytes, message.counts);
        break;
      case "events":
      case "marks": {
        const bytes = message.bytes.length;
        this.#listener.show(message.type, message.bytes).then(() => post(this.#first, { type: "shown", bytes }, []));
        break;
      }
      case "findings":
        this.#listener.found(message.findings);
        break;
      case "report":
        this.#listener.report(message.outcome);
        break;
      case "done":
        this.#done.resolve(message.outcome);
        break;
      case "failed":
        this.#listener.fail(engineError(message.error));
        break;
    }
  }
}

/** A worker's role, and the ports that go with it. */
interface Part {
  role: Role;
  ports: MessagePort[];
}

/** Gives out the parts, first that of the worker that is fed. */
function assignRoles(threads: number, task: Task): [Part, Part[]] {
  if (threads === 1) {
    return [{ role: { role: "single", task }, ports: [] }, []];
  }
  const channels = Array.from({ length: threads }, () => new globalThis.MessageChannel());
  const summarizers = channels.map(({ port1 }) => port1);
  return [
    { role: { role: "coordinator", task, summarizers }, ports: summarizers },
    channels.map(({ port2 }) => ({
      role: { role: "summarizer", trust: task.trust, coordinator: port2 },
      ports: [port2],
    })),
  ];
}

function post(worker: WorkerLike, message: ToWorker, transfer: Movable[]): void {
  worker.postMessage(message, transfer);
}

function unavailable(message: string, cause: unknown): CountersignError {
  const hint =
    typeof document === "undefined"
      ? "its script is a file of this package, which a bundler leaves behind: have it leave countersign out of the bundle; threads: 0 works without workers"
      : "its script must be served from the page's own origin, and the page's Content-Security-Policy must allow it in worker-src ('self', or blob: where it is inlined); threads: 0 works without workers";
  return new CountersignError("worker.unavailable", `a worker could not be started: ${message}`, { hint, cause });
}
