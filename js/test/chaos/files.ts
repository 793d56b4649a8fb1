/** Runs recorders in Node.js, Deno, and Bun with file outboxes, and kills the process. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { RUNTIMES, type Runtime } from "../runtimes.ts";
import { type Page, wholeLines } from "./book.ts";
import { type End, EVENTS, MORE, type Ordeal, rounds } from "./ordeal.ts";

const ENDS = rounds(["asks", "before", "after", "asks", "after", "itself", "before", "itself"]);
const SCRIPT = fileURLToPath(new URL("child.ts", import.meta.url));

/** Runs one process after the other with the same outbox. */
export async function inFiles(runtime: Runtime, ordeal: Ordeal): Promise<void> {
  const each = Math.ceil((EVENTS / ENDS.length) * MORE);
  for (const [number, end] of ENDS.entries()) {
    await live(runtime, ordeal, `${runtime}${number}`, each, end);
  }
  ordeal.proxy.calm = true;
  const last = await live(runtime, ordeal, `${runtime}-last`, 20, "itself");
  assert.deepEqual([last.ended, last.left], [0, 0]);
}

async function live(runtime: Runtime, ordeal: Ordeal, run: string, events: number, end: End): Promise<Page> {
  const { life, at } = ordeal.life(runtime, run, events, end);
  const page = ordeal.book.page(run);
  const [program, ...args] = RUNTIMES[runtime];
  const child = spawn(program, [...args, SCRIPT, join(ordeal.folder, "outbox"), JSON.stringify(life)], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const closed = once(child, "close");
  ordeal.proxy.killAt(runtime, () => child.kill("SIGKILL"), at);
  let errors = "";
  child.stderr.on("data", (data) => {
    errors += data;
  });
  for await (const line of wholeLines(child.stdout)) {
    page.read(line);
  }
  await closed;
  assert.deepEqual([child.exitCode, child.signalCode], end === "itself" ? [0, null] : [null, "SIGKILL"], errors);
  return page;
}
