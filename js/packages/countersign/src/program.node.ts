#!/usr/bin/env node
/** The program `countersign` of the npm package: the Rust program in WebAssembly, on this machine's files. */

import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { parse } from "node:path";
import { devLogProblem } from "./program/dev-log.node.js";
import { Host } from "./program/host.node.js";

/** Removes access for all but the owner from new files: WASI has no permissions, and some files are private keys. */
const UMASK = 0o077;

// Loading WASI warns that it is experimental. This program needs its files, arguments, and clock only.
process.removeAllListeners("warning");
const { WASI } = await import("node:wasi");
const umask = process.umask(UMASK);

const { root } = parse(process.cwd());
const wasi = new WASI({
  version: "preview1",
  args: ["countersign", ...process.argv.slice(2)],
  env: { ...process.env, PWD: process.cwd(), TMPDIR: tmpdir() },
  preopens: { "/": root },
  returnOnExit: true,
});
const host = new Host();
const program = await WebAssembly.compile(await readFile(new URL("./wasm/program.wasm", import.meta.url)));
const imports = { ...(wasi.getImportObject() as WebAssembly.Imports), countersign_host: host.imports };
const instance = await WebAssembly.instantiate(program, imports);
host.memory = instance.exports.memory as WebAssembly.Memory;
process.exitCode = wasi.start(instance);
host.close();

if (process.exitCode === 0 && host.devLog !== undefined) {
  const problem = devLogProblem();
  if (problem === undefined) {
    // The command that runs beside the log creates files as usual.
    process.umask(umask);
    const { runDevLog } = await import("./dev/server.node.js");
    // Timers of the log, which is deleted, would keep the process alive.
    process.exit(await runDevLog(host.devLog));
  } else {
    process.stderr.write(problem);
    process.exitCode = 2;
  }
}
