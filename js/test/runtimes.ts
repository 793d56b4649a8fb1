/** The runtimes that have files, and processes of them that can be killed. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const tool = (name: string) => fileURLToPath(new URL(`../node_modules/.bin/${name}`, import.meta.url));

/** What the package's own imports are: Deno reads them of packages that are installed. */
export const IMPORT_MAP = `--import-map=${fileURLToPath(new URL("import-map.json", import.meta.url))}`;

/** How each is called to run a file. */
export const RUNTIMES = {
  Node: [process.execPath, "--experimental-strip-types", "--disable-warning=ExperimentalWarning"],
  Deno: [tool("deno"), "run", "--no-config", IMPORT_MAP, "--allow-read", "--allow-write", "--allow-env", "--allow-net"],
  Bun: [tool("bun"), "run"],
} as const satisfies Record<string, readonly [string, ...string[]]>;

export type Runtime = keyof typeof RUNTIMES;

/** A process that says lines. */
export class Child {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  #errors = "";

  /** `within` is a command of a shell that begins with `exec "$@"` or ends so: it sets limits, for one. */
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

  /** The next line that it says; undefined where it has ended. */
  async line(): Promise<string | undefined> {
    const { done, value } = await this.#lines.next();
    return done ? undefined : value;
  }

  signal(name: "SIGSTOP" | "SIGKILL"): void {
    this.#process.kill(name);
  }

  /** The lines that it still says until it has ended. */
  async rest(): Promise<string[]> {
    const lines: string[] = [];
    for (let line = await this.line(); line !== undefined; line = await this.line()) {
      lines.push(line);
    }
    await this.ended();
    return lines;
  }

  /** Kills it at once, and gives the lines that it still said. */
  kill(): Promise<string[]> {
    this.signal("SIGKILL");
    return this.rest();
  }

  /** Waits until it has ended by itself, and gives what it said of errors. */
  async ended(): Promise<{ code: number | null; errors: string }> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      await once(this.#process, "exit");
    }
    return { code: this.#process.exitCode, errors: this.#errors };
  }
}
