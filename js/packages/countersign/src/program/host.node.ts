/** Does what the program in WebAssembly can't do itself (crates/cli/src/host.rs). */

import type { DevLog } from "./dev-log.node.js";
import type { HostAnswer } from "./host-answer.js";
import { HttpRequests } from "./http-requests.node.js";
import { addressProblem } from "./log-address.node.js";

/** A task of the program. */
type Task =
  | { readonly task: "check_url"; readonly url: string }
  | { readonly task: "submit"; readonly url: string; readonly since: string | null }
  | ({ readonly task: "dev" } & DevLog);

const EMPTY = new Uint8Array();

export class Host {
  /** The program's memory. */
  memory: WebAssembly.Memory | undefined;
  /** The log to run after the program has ended. */
  devLog: DevLog | undefined;
  #answer: Uint8Array = EMPTY;
  readonly #requests = new HttpRequests();

  /** The functions that the program imports. */
  readonly imports = {
    call: (request: number, requestLength: number, body: number, bodyLength: number): number => {
      const task: Task = JSON.parse(new TextDecoder().decode(this.#bytes(request, requestLength)));
      const answer = this.#do(task, this.#bytes(body, bodyLength).slice());
      this.#answer = Buffer.concat([Buffer.from(`${JSON.stringify(answer.head)}\n`), answer.body ?? EMPTY]);
      return this.#answer.length;
    },
    answer: (into: number): void => {
      this.#bytes(into, this.#answer.length).set(this.#answer);
      this.#answer = EMPTY;
    },
  };

  /** Ends what requests started. */
  close(): void {
    this.#requests.close();
  }

  #do(task: Task, body: Uint8Array): HostAnswer {
    switch (task.task) {
      case "check_url": {
        const problem = addressProblem(task.url);
        const hint = "use the log server's address, such as https://log.example.com";
        const error = { code: "arguments.invalid", message: `--to: ${problem}`, hint };
        return { head: problem === undefined ? {} : { error } };
      }
      case "submit":
        return this.#requests.submit(task.url, task.since ?? undefined, body);
      case "dev":
        this.devLog = task;
        return { head: {} };
    }
  }

  #bytes(at: number, length: number): Uint8Array {
    // The memory's buffer is replaced when the memory grows.
    return new Uint8Array((this.memory as WebAssembly.Memory).buffer, at, length);
  }
}
