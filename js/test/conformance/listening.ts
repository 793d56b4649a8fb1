/** Starts `countersign serve`, and waits until it reports its address. */

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** A running server and its URL. */
export interface RunningServer {
  readonly child: ChildProcess;
  readonly url: string;
}

export async function listening(program: string, args: readonly string[]): Promise<RunningServer> {
  const child = spawn(program, ["serve", ...args], {
    env: { ...process.env, NO_COLOR: "1" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const output: string[] = [];
  return new Promise((resolve, reject) => {
    const lines = createInterface(child.stderr);
    lines.on("line", (line) => {
      output.push(line);
      const [, url] = line.split(" listens on ");
      if (url !== undefined) {
        resolve({ child, url });
      }
    });
    lines.on("close", () => reject(new Error(`it did not start:\n${output.join("\n")}`)));
  });
}
