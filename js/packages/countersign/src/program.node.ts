#!/usr/bin/env node
/** The program `countersign` of the npm package: the Rust program in WebAssembly, on this machine's files. */

import { once } from "node:events";
import { MessageChannel, Worker } from "node:worker_threads";
import { devLogProblem } from "./program/dev-log.node.js";
import { Host } from "./program/host.node.js";
import { HostSignals } from "./program/host-task.js";
import type { ThreadData } from "./program/thread.node.js";

/** Removes access for all but the owner from new files: WASI has no permissions, and some files are private keys. */
const UMASK = 0o077;

const umask = process.umask(UMASK);
const { port1, port2 } = new MessageChannel();
const signals = new SharedArrayBuffer(HostSignals.bytes);
const host = new Host(port1, new HostSignals(signals));
const thread = new Worker(new URL("./program/thread.node.js", import.meta.url), {
  workerData: { args: process.argv.slice(2), port: port2, signals } satisfies ThreadData,
  transferList: [port2],
  // The program writes to the descriptors itself. Streams of this process would make them non-blocking.
  stdout: true,
  stderr: true,
});
let [status] = (await once(thread, "exit")) as [number];

if (status === 0 && host.devLog !== undefined) {
  const problem = devLogProblem();
  if (problem === undefined) {
    // The command that runs beside the log creates files as usual.
    process.umask(umask);
    const { runDevLog } = await import("./dev/server.node.js");
    status = await runDevLog(host.devLog);
  } else {
    process.stderr.write(problem);
    status = 2;
  }
}
// Standard input, and timers of the log, would keep the process alive.
process.exit(status);
