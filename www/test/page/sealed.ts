import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Vector } from "./vectors.ts";

const PROGRAM =
  process.env.COUNTERSIGN ?? fileURLToPath(new URL("../../../target/debug/countersign", import.meta.url));
const ORIGIN = "log.example/audit";

/** Records events with the program into a sealed log, in this folder. Its trust file names the log and the emitter. */
export async function sealedLog(folder: string, events: readonly object[]): Promise<Vector> {
  const run = async (...args: string[]) =>
    (await promisify(execFile)(PROGRAM, args, { cwd: folder })).stdout.trim();
  const log = await run("keygen", ORIGIN, "--out", "log.key");
  const app = await run("keygen", "example.com/app", "--out", "app.key");
  await writeFile(join(folder, "trust.txt"), `log ${log}\nemitter ${app}\n`);
  await writeFile(
    join(folder, "events.ndjson"),
    events.map((event) => `${JSON.stringify(event)}\n`).join(""),
  );
  await run("record", "events.ndjson", "--key", "app.key", "--origin", ORIGIN, "-o", "app.ndjson");
  await run("seal", "--log-key", "log.key", "--trust", "trust.txt", "-o", "audit.ndjson", "app.ndjson");
  return {
    export: join(folder, "audit.ndjson"),
    trust: join(folder, "trust.txt"),
    pins: [],
    report: {},
  };
}
