/** Sends requests while the program waits: WebAssembly can't wait for a promise, so a worker thread sends them. */

import { MessageChannel, type MessagePort, receiveMessageOnPort, Worker } from "node:worker_threads";
import type { HostAnswer } from "./host-answer.js";
import { submitAddress } from "./log-address.node.js";

/** Maximum milliseconds to wait for the worker, which has shorter limits itself. */
const WORKER_TIMEOUT_MS = 300_000;

/** A request for the worker. */
export interface WorkerRequest {
  readonly url: string;
  readonly body: Uint8Array;
}

/** The data that the worker starts with. */
export interface WorkerData {
  /** Receives requests, and sends answers. */
  readonly port: MessagePort;
  /** Counts answers. */
  readonly answered: Int32Array;
}

interface Running {
  readonly worker: Worker;
  readonly port: MessagePort;
  readonly answered: Int32Array;
}

export class HttpRequests {
  #running: Running | undefined;

  /** Submits lines to a log server, and waits for the answer. */
  submit(url: string, since: string | undefined, body: Uint8Array): HostAnswer {
    this.#running ??= start();
    const { port, answered } = this.#running;
    const before = Atomics.load(answered, 0);
    port.postMessage({ url: submitAddress(url, since), body } satisfies WorkerRequest);
    Atomics.wait(answered, 0, before, WORKER_TIMEOUT_MS);
    const received = receiveMessageOnPort(port);
    if (received === undefined) {
      this.close();
      const message = "the request's thread did not respond";
      return { head: { error: { code: "http.failed", message, hint: "try again", place: url } } };
    }
    return received.message;
  }

  /** Ends the worker. */
  close(): void {
    this.#running?.port.close();
    void this.#running?.worker.terminate();
    this.#running = undefined;
  }
}

function start(): Running {
  const { port1, port2 } = new MessageChannel();
  const answered = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const workerData: WorkerData = { port: port2, answered };
  const worker = new Worker(new URL("./http-worker.node.js", import.meta.url), { workerData, transferList: [port2] });
  // Its failure leaves a request without an answer.
  worker.on("error", () => {}).unref();
  return { worker, port: port1, answered };
}
