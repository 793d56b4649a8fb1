/** A program that a test runs and stops. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { PATH } from "../run/tools.ts";

/** What a Node without types of its own has to be told to run TypeScript. */
const STRIPS = "--experimental-strip-types --disable-warning=ExperimentalWarning";

export class Running {
  readonly #child: ChildProcess;
  readonly #command: string;
  #said = "";

  constructor(command: readonly string[], { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv }) {
    const [program = "", ...args] = command;
    this.#command = command.join(" ");
    this.#child = spawn(program, args, {
      cwd,
      env: { ...process.env, PATH, NODE_OPTIONS: STRIPS, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text) => {
        this.#said += text;
      });
    }
  }

  /** The address that it prints when it listens. */
  async address(): Promise<string> {
    const port = await this.prints(/https?:\/\/[\w.[\]:]+?:(\d+)/);
    return `http://127.0.0.1:${port}`;
  }

  /** All that it has printed. */
  get said(): string {
    return this.#said;
  }

  /** Waits until it has printed this so many times, and gives the part in parentheses of the last. */
  async prints(pattern: RegExp, times = 1): Promise<string> {
    for (;;) {
      const found = [...this.#said.matchAll(new RegExp(pattern, "g"))];
      if (found.length >= times) {
        return found.at(-1)?.[1] ?? "";
      }
      await Promise.race([
        once(this.#child.stdout ?? this.#child, "data"),
        once(this.#child.stderr ?? this.#child, "data"),
        once(this.#child, "exit").then(() => this.#failed("it ended")),
      ]);
    }
  }

  /** Asks it to end, and waits until it has. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
    const { exitCode, signalCode } = this.#child;
    assert.ok(exitCode === 0 || signalCode === "SIGTERM", `${this.#command}: ${exitCode ?? signalCode}\n${this.#said}`);
  }

  /** Ends it as a crash would, if it has not ended. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.#child.kill(signal);
      await once(this.#child, "exit");
    }
  }

  #failed(why: string): never {
    assert.fail(`${this.#command}: ${why}\n${this.#said}`);
  }
}
