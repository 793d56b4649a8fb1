/** Runs the program to verify exports. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Report } from "countersign/verify";
import { LOG, SETUP } from "./setup.ts";

/** The path of the program, if there is one. */
export const PROGRAM = [process.env.COUNTERSIGN, "target/debug/countersign", "target/release/countersign"]
  .flatMap((path) => path ?? [])
  .map((path) => fileURLToPath(new URL(path, new URL("../../../", import.meta.url))))
  .find(existsSync);

/** The trust file of a reader, which also trusts the log's own records. */
export const TRUST = `${SETUP.trust}emitter ${LOG.vkey}\n`;

/** The output and exit status of the program. */
export interface RunResult {
  status: number | null;
  stdout: string;
  stderr: string;
}

/** Runs the program in a folder with `trust.txt` and these files. */
export async function run(args: readonly string[], files: Record<string, string> = {}): Promise<RunResult> {
  const folder = mkdtempSync(join(tmpdir(), "countersign-run-"));
  try {
    for (const [name, text] of Object.entries({ "trust.txt": TRUST, ...files })) {
      writeFileSync(join(folder, name), text);
    }
    const env = { ...process.env, NO_COLOR: "1" };
    const child = spawn(PROGRAM ?? "countersign", args, { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
    const output = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text) => (output.stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text) => (output.stderr += text));
    const status = await new Promise<number | null>((resolve, reject) =>
      child.on("close", resolve).on("error", reject),
    );
    return { status, ...output };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Returns the program's report on an export. */
export async function verify(text: string, pins: readonly string[] = [], trust = TRUST): Promise<Report> {
  const files = Object.fromEntries(pins.map((pin, number) => [`pin${number}.txt`, pin]));
  const args = Object.keys(files).flatMap((name) => ["--pin", name]);
  const result = await run(["verify", "export.ndjson", "--trust", "trust.txt", "--json", ...args], {
    "export.ndjson": text,
    "trust.txt": trust,
    ...files,
  });
  assert.equal(result.stderr, "");
  return JSON.parse(result.stdout);
}
