/** The thread that runs the program: WebAssembly can't wait for a promise, so it blocks while the main thread works. */

import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { parse } from "node:path";
import { type MessagePort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { type HostAnswer, type HostRequest, HostSignals, type Task } from "./host-task.js";

/** The data that the thread starts with. */
export interface ThreadData {
  readonly args: readonly string[];
  /** Sends tasks, and receives answers. */
  readonly port: MessagePort;
  readonly signals: SharedArrayBuffer;
}

const EMPTY = new Uint8Array();
/** The descriptor of standard input. */
const STDIN = 0;

const { args, port, signals: shared } = workerData as ThreadData;
const signals = new HostSignals(shared);
let memory: WebAssembly.Memory;
let answered: Uint8Array = EMPTY;
/** True if a signal asks the program to stop, so that it must not block in a system call. */
let handlesSignals = false;
/** The part of standard input that was received, but not read yet. */
let input: Uint8Array = EMPTY;

/** Has the main thread do a task, and waits for the answer. */
function ask(task: Task, body = EMPTY): HostAnswer {
  signals.waitForAnswer(() => port.postMessage({ task, body } satisfies HostRequest));
  return receiveMessageOnPort(port)?.message;
}

// The memory's buffer is replaced when the memory grows.
const bytesAt = (at: number, length: number) => new Uint8Array(memory.buffer, at, length);

/** The functions of crates/cli/src/host.rs. */
const hostImports = {
  call(request: number, requestLength: number, body: number, bodyLength: number): number {
    const task: Task = JSON.parse(new TextDecoder().decode(bytesAt(request, requestLength)));
    handlesSignals ||= task.task === "handle_signals";
    const answer = ask(task, bytesAt(body, bodyLength).slice());
    answered = Buffer.concat([Buffer.from(`${JSON.stringify(answer.head)}\n`), answer.body ?? EMPTY]);
    return answered.length;
  },
  answer(into: number): void {
    bytesAt(into, answered.length).set(answered);
    answered = EMPTY;
  },
  is_stopped: () => Number(signals.isStopped),
};

/** Reads standard input into the buffers of a `fd_read`. Returns 0, WASI's number for success. */
function readInput(buffers: number, count: number, result: number): number {
  if (input.length === 0) {
    input = ask({ task: "read_input" }).body ?? EMPTY;
  }
  const view = new DataView(memory.buffer);
  let read = 0;
  for (let nth = 0; nth < count; nth += 1) {
    const [at, length] = [view.getUint32(buffers + 8 * nth, true), view.getUint32(buffers + 8 * nth + 4, true)];
    const part = input.subarray(0, length);
    bytesAt(at, part.length).set(part);
    input = input.subarray(part.length);
    read += part.length;
  }
  view.setUint32(result, read, true);
  return 0;
}

// Loading WASI warns that it is experimental. This program needs its files, arguments, and clock only.
process.removeAllListeners("warning");
const { WASI } = await import("node:wasi");
const { root } = parse(process.cwd());
const wasi = new WASI({
  version: "preview1",
  args: ["countersign", ...args],
  env: { ...process.env, PWD: process.cwd(), TMPDIR: tmpdir() },
  preopens: { "/": root },
  returnOnExit: true,
});
const program = await WebAssembly.compile(await readFile(new URL("../wasm/program.wasm", import.meta.url)));
const { wasi_snapshot_preview1: system } = wasi.getImportObject() as {
  wasi_snapshot_preview1: WebAssembly.ModuleImports & { fd_read(...args: [number, number, number, number]): number };
};
const instance = await WebAssembly.instantiate(program, {
  wasi_snapshot_preview1: {
    ...system,
    fd_read: (descriptor: number, buffers: number, count: number, result: number) =>
      handlesSignals && descriptor === STDIN
        ? readInput(buffers, count, result)
        : system.fd_read(descriptor, buffers, count, result),
  },
  countersign_host: hostImports,
});
memory = instance.exports.memory as WebAssembly.Memory;
process.exit(wasi.start(instance));
