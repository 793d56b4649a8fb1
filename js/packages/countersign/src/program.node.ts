#!/usr/bin/env node
/** The program `countersign` of the npm package: the Rust program in WebAssembly, on this machine's files. */

import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { parse } from "node:path";

/** Removes access for all but the owner from new files: WASI has no permissions, and some files are private keys. */
const UMASK = 0o077;

// Loading WASI warns that it is experimental. This program needs its files, arguments, and clock only.
process.removeAllListeners("warning");
const { WASI } = await import("node:wasi");
process.umask(UMASK);

const { root } = parse(process.cwd());
const wasi = new WASI({
  version: "preview1",
  args: ["countersign", ...process.argv.slice(2)],
  env: { ...process.env, PWD: process.cwd(), TMPDIR: tmpdir() },
  preopens: { "/": root },
  returnOnExit: true,
});
const program = await WebAssembly.compile(await readFile(new URL("./wasm/program.wasm", import.meta.url)));
const instance = await WebAssembly.instantiate(program, wasi.getImportObject() as WebAssembly.Imports);
process.exitCode = wasi.start(instance);
