/** Tests killed recorders with an outbox: stored events are in the export's file once and in order. */

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { verify } from "countersign/verify";
import { KEY, TRUST } from "../package/scenario.mjs";
import { Child, RUNTIMES, type Runtime } from "../runtimes.ts";

const folder = mkdtempSync(join(tmpdir(), "countersign-recorders-"));
after(() => rmSync(folder, { recursive: true }));

for (const runtime of Object.keys(RUNTIMES) as Runtime[]) {
  test(`${runtime}: every stored event is in the export once`, async () => {
    const [path, outbox] = [join(folder, `${runtime}.ndjson`), join(folder, `${runtime}.outbox`)];
    const start = (...args: number[]) =>
      new Child(runtime, new URL("recorder.ts", import.meta.url), [KEY, path, outbox, ...args.map(String)]);
    const stored = new Set<number>();
    let next = 0;
    for (let round = 1; round <= 6; round += 1) {
      const recorder = start(next);
      const lines: string[] = [];
      while (lines.length < 150 * round) {
        lines.push((await recorder.line()) ?? assert.fail((await recorder.ended()).errors));
      }
      lines.push(...(await recorder.kill()));
      for (const line of lines) {
        stored.add(Number(line));
      }
      // Events that were not stored at the kill are lost, and their numbers are not reused.
      next = 100_000 * round;
    }
    const last = start(next, next + 100);
    for (let line = await last.line(); line !== undefined; line = await last.line()) {
      stored.add(Number(line));
    }
    assert.deepEqual(await last.ended(), { code: 0, errors: "" });

    const seen: number[] = [];
    const { report } = await verify(readFileSync(path), {
      trust: TRUST,
      threads: 0,
      onEvents(batch) {
        for (const event of batch) {
          seen.push((event.parse() as { metadata: { n: number } }).metadata.n);
        }
      },
    });
    assert.deepEqual(
      report.findings.filter(({ severity }) => severity === "error"),
      [],
    );
    assert.deepEqual(
      [...stored].filter((n) => !seen.includes(n)),
      [],
    );
    assert.equal(new Set(seen).size, seen.length, "an event is repeated");
    assert.deepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
    );
  });
}
