/**
 * Tests threads in the runtimes that have worker threads. Loading the package in every runtime is tested in the
 * package's tests.
 */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { type Mark, verify } from "countersign/verify";
import { IMPORT_MAP } from "../runtimes.ts";
import { exportOf } from "./inputs.ts";

const run = promisify(execFile);
const tool = (name: string) => fileURLToPath(new URL(`../../node_modules/.bin/${name}`, import.meta.url));
const script = fileURLToPath(new URL("runtime.ts", import.meta.url));

const { bytes, trust } = exportOf({ chains: 4, events: 1500 });
const altered = bytes.with(bytes.length >> 1, (bytes.at(bytes.length >> 1) ?? 0) ^ 1);
const folder = mkdtempSync(join(tmpdir(), "countersign-runtimes-"));
after(() => rmSync(folder, { recursive: true }));
const files = { trust: Buffer.from(trust), whole: bytes, altered, compressed: gzipSync(bytes) };
const paths = Object.entries(files).map(([name, content]) => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
});

const expected: unknown[] = [];
for (const export_ of [files.whole, files.altered, files.compressed]) {
  let events = 0;
  const onEvents = (batch: { length: number }) => {
    events += batch.length;
  };
  const marks: Mark[] = [];
  const onMarks = (batch: readonly Mark[]) => void marks.push(...batch);
  const { report } = await verify(export_, { trust, threads: 0, onEvents, onMarks });
  expected.push(...Array(4).fill({ report, events, marks }));
}

for (const [runtime, program, ...args] of [
  ["Deno", tool("deno"), "run", "--no-config", IMPORT_MAP, "--allow-read"],
  ["Bun", tool("bun"), "run"],
] as const) {
  test(`${runtime} returns the same as Node.js with any number of threads`, async () => {
    const { stdout } = await run(program, [...args, script, ...paths]);
    assert.deepEqual(JSON.parse(stdout), JSON.parse(JSON.stringify(expected)));
  });
}
