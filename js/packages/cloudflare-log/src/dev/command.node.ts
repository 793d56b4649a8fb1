/** The command that runs beside a temporary log. */

import { spawn } from "node:child_process";
import { constants } from "node:os";
import { SignalForwarder, type StopSignals } from "./stop-signals.node.js";

/** Status of a shell for a command that a signal ended, less the signal's number. */
const SIGNALED = 128;

/**
 * Runs a command with these variables, unless a signal has already asked this process to stop, and passes signals on to
 * it. Resolves to its exit status, and rejects if it can't be run.
 */
export function runCommand(
  command: readonly string[],
  variables: Readonly<Record<string, string>>,
  signals: StopSignals,
): Promise<number> {
  if (signals.isRequested) {
    return Promise.resolve(0);
  }
  const [program = "", ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: "inherit", env: { ...process.env, ...variables } });
    const forwarder = new SignalForwarder((signal) => child.kill(signal));
    signals.pass((signal) => forwarder.forward(signal));
    child.on("error", (error) => {
      // A running command that can't get a signal, such as one of another user, still needs the log.
      if (child.pid === undefined) {
        reject(error);
      }
    });
    child.once("exit", (status, signal) => {
      forwarder.close();
      resolve(status ?? SIGNALED + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}
