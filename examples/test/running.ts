/** A program that a test runs and stops. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { PATH } from "../run/tools.ts";

/** Options for running TypeScript in Node.js versions that don't strip types by default. */
const STRIPS = "--experimental-strip-types --disable-warning=ExperimentalWarning";

/** The exit status of a program whose command a SIGTERM ended. */
const SIGTERM_STATUS = 128 + 15;

export class Running {
  readonly #child: ChildProcess;
  readonly #command: string;
  #output = "";

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
        this.#output += text;
      });
    }
  }

  /** Returns the URL that it prints when it listens. */
  async address(): Promise<string> {
    const port = await this.prints(/https?:\/\/[\w.[\]:]+?:(\d+)/);
    return `http://127.0.0.1:${port}`;
  }

  /** Everything that it has printed. */
  get output(): string {
    return this.#output;
  }

  /** Waits until it has printed a match this many times. Returns the first group of the last match. */
  async prints(pattern: RegExp, times = 1): Promise<string> {
    for (;;) {
      const found = [...this.#output.matchAll(new RegExp(pattern, "g"))];
      if (found.length >= times) {
        return found.at(-1)?.[1] ?? "";
      }
      const waited = new AbortController();
      const { signal } = waited;
      await Promise.race([
        once(this.#child.stdout ?? this.#child, "data", { signal }),
        once(this.#child.stderr ?? this.#child, "data", { signal }),
        once(this.#child, "exit", { signal }).then(() => this.#failed("it exited")),
      ]).finally(() => waited.abort());
    }
  }

  /** Stops it with SIGTERM, and waits until it has exited. */
  async stop(): Promise<void> {
    await this.#end("SIGTERM");
    const { exitCode, signalCode } = this.#child;
    assert.ok(
      exitCode === 0 || exitCode === SIGTERM_STATUS || signalCode === "SIGTERM",
      `${this.#command}: ${exitCode ?? signalCode}\n${this.#output}`,
    );
  }

  /** Kills it, like a crash would. */
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
    assert.fail(`${this.#command}: ${why}\n${this.#output}`);
  }
}
