/** The command that runs beside a temporary log. */

import { spawn } from "node:child_process";
import { constants } from "node:os";

/** Status of a shell for a command that a signal ended, less the signal's number. */
const SIGNALED = 128;

/** The signals that end the log, or are passed on to the command. */
export const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Runs a command with these variables. Resolves to its exit status. */
export function runCommand(command: readonly string[], variables: Readonly<Record<string, string>>): Promise<number> {
  const [program = "", ...args] = command;
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...variables };
    // Scripts of npm are .cmd files on Windows.
    const child = spawn(program, args, { stdio: "inherit", env, shell: process.platform === "win32" });
    const forward = (signal: NodeJS.Signals) => {
      // The terminal sends Ctrl-C to the command, too.
      if (signal !== "SIGINT" || !process.stdin.isTTY) {
        child.kill(signal);
      }
    };
    for (const signal of SIGNALS) {
      process.on(signal, forward);
    }
    const end = () => {
      for (const signal of SIGNALS) {
        process.off(signal, forward);
      }
    };
    child.once("error", (error) => {
      end();
      reject(error);
    });
    child.once("exit", (status, signal) => {
      end();
      resolve(status ?? SIGNALED + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
