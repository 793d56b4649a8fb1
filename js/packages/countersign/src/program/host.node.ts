/** Does what the program in WebAssembly can't do itself, on the main thread (crates/cli/src/host.rs). */

import type { MessagePort } from "node:worker_threads";
import type { DevLog } from "./dev-log.node.js";
import type { HostAnswer, HostRequest, HostSignals } from "./host-task.js";
import { submit } from "./http-request.node.js";
import { addressProblem } from "./log-address.node.js";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export class Host {
  /** The log to run after the program has ended. */
  devLog: DevLog | undefined;
  readonly #signals: HostSignals;
  /** Resolves at the first signal that the program handles. */
  #stopped: Promise<undefined> | undefined;
  #input: AsyncIterator<Uint8Array> | undefined;

  /** Answers the requests of the program's thread. */
  constructor(port: MessagePort, signals: HostSignals) {
    this.#signals = signals;
    port.on("message", async (request: HostRequest) => {
      port.postMessage(await this.#do(request));
      signals.answer();
    });
    // The program's thread keeps this process alive.
    port.unref();
  }

  async #do({ task, body }: HostRequest): Promise<HostAnswer> {
    switch (task.task) {
      case "check_url": {
        const problem = addressProblem(task.url);
        const hint = "use the log server's address, such as https://log.example";
        const error = { code: "arguments.invalid", message: `--to: ${problem}`, hint };
        return { head: problem === undefined ? {} : { error } };
      }
      case "submit":
        return submit(task.url, task.since ?? undefined, body);
      case "handle_signals":
        this.#handleSignals();
        return { head: {} };
      case "read_input":
        return { head: {}, body: await this.#read() };
      case "dev":
        this.devLog = task;
        return { head: {} };
    }
  }

  /** Lets the first signal only ask the program to stop. The second one ends this process. */
  #handleSignals(): void {
    this.#stopped ??= new Promise((resolve) => {
      const stop = () => {
        for (const signal of SIGNALS) {
          process.off(signal, stop);
        }
        this.#signals.stop();
        resolve(undefined);
      };
      for (const signal of SIGNALS) {
        process.on(signal, stop);
      }
    });
  }

  /** Returns the next part of standard input; nothing at its end, or after a signal. */
  async #read(): Promise<Uint8Array> {
    this.#input ??= process.stdin[Symbol.asyncIterator]();
    const next = this.#input.next().catch(() => undefined);
    const read = await Promise.race([next, this.#stopped]);
    return read?.done === false ? read.value : new Uint8Array();
  }
}
