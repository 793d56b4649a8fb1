/** The runtimes with files, and their processes, which can be killed. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const tool = (name: string) => fileURLToPath(new URL(`../node_modules/.bin/${name}`, import.meta.url));

/** Resolves the package's own imports, which Deno only reads for installed packages. */
export const IMPORT_MAP = `--import-map=${fileURLToPath(new URL("import-map.json", import.meta.url))}`;

/** The command to run a file in each runtime. */
export const RUNTIMES = {
  Node: [process.execPath, "--experimental-strip-types", "--disable-warning=ExperimentalWarning"],
  Deno: [tool("deno"), "run", "--no-config", IMPORT_MAP, "--allow-read", "--allow-write", "--allow-env", "--allow-net"],
  Bun: [tool("bun"), "run"],
} as const satisfies Record<string, readonly [string, ...string[]]>;

export type Runtime = keyof typeof RUNTIMES;

/** A process whose output is read by lines. */
export class Child {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #errors = "";

  /** `within` is a shell command that ends in `exec "$@"`, for example to set limits. */
  constructor(runtime: Runtime, script: URL, args: readonly string[], within?: string) {
    const command = [...RUNTIMES[runtime], fileURLToPath(script), ...args];
    const [program = "", ...rest] = within === undefined ? command : ["sh", "-c", within, "sh", ...command];
    this.#process = spawn(program, rest, { stdio: ["pipe", "pipe", "pipe"] });
    this.#process.stderr?.on("data", (data) => {
      this.#errors += data;
    });
    const { stdout } = this.#process;
    if (stdout === null) {
      throw new Error("no output");
    }
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  /** Returns the next line; undefined once it has exited. */
  async line(): Promise<string | undefined> {
    const { done, value } = await this.#lines.next();
    return done ? undefined : value;
  }

  signal(name: "SIGSTOP" | "SIGKILL"): void {
    this.#process.kill(name);
  }

  /** Returns the remaining lines until it exits. */
  async rest(): Promise<string[]> {
    const lines: string[] = [];
    for (let line = await this.line(); line !== undefined; line = await this.line()) {
      lines.push(line);
    }
    await this.ended();
    return lines;
  }

  /** Kills it, and returns its remaining lines. */
  kill(): Promise<string[]> {
    this.signal("SIGKILL");
    return this.rest();
  }

  /** Waits until it exits by itself, and returns its exit code and errors. */
  async ended(): Promise<{ code: number | null; errors: string }> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      await once(this.#process, "exit");
    }
    return { code: this.#process.exitCode, errors: this.#errors };
  }
}
