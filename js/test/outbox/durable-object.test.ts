/** Tests the outbox in a Durable Object's storage, in workerd. */

import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Miniflare } from "miniflare";
import { durableObjectOutbox } from "../../packages/countersign/dist/outbox/durable-object.js";
import { entry } from "./conformance.ts";
import { bundled } from "./worker/bundle.ts";

const script = await bundled(new URL("worker/worker.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "countersign-objects-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function start(persist: string): Miniflare {
  return new Miniflare({
    modules: true,
    script,
    compatibilityDate: "2026-01-01",
    durableObjects: {
      sqlite: { className: "WithSqlite", useSQLite: true },
      keys: { className: "WithoutSqlite", useSQLite: false },
    },
    durableObjectsPersist: persist,
  });
}

async function ask(worker: Miniflare, kind: string, what: string): Promise<unknown> {
  const response = await worker.dispatchFetch(`http://${kind}/${what}`);
  const text = await response.text();
  return JSON.parse(text);
}

for (const kind of ["sqlite", "keys"]) {
  test(`durableObjectOutbox: meets the contract with ${kind}`, async () => {
    const worker = start(join(folder, `${kind}-conformance`));
    try {
      assert.deepEqual(await ask(worker, kind, "conformance"), []);
    } finally {
      await worker.dispose();
    }
  });
}

test("durableObjectOutbox: reports full and failing storage, and rejects other objects", async () => {
  const failing = (message: string) => ({
    list: async () => new Map(),
    put: async () => {
      throw new Error(message);
    },
    delete: async () => 0,
    sync: async () => {},
  });
  for (const [message, code] of [
    ["database or disk is full: SQLITE_FULL", "outbox.full"],
    ["Exceeded allowed storage limit.", "outbox.full"],
    ["internal error", "outbox.failed"],
  ] as const) {
    const outbox = durableObjectOutbox(failing(message));
    await outbox.open();
    await assert.rejects(outbox.write({ put: [entry(1, "a")], remove: [] }), { code });
  }
  assert.throws(() => durableObjectOutbox(undefined as never), { code: "options.invalid", member: "outbox" });
});

/** Returns the new workerd processes that this process started. */
function workerds(known: ReadonlySet<number>): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => !known.has(pid) && isWorkerdOfOurs(pid));
}

function isWorkerdOfOurs(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const parent = Number(stat.slice(stat.lastIndexOf(")")).split(" ")[2]);
    return parent === process.pid && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("workerd");
  } catch {
    return false;
  }
}

for (const kind of ["sqlite", "keys"]) {
  test(`durableObjectOutbox: keeps entries after workerd is killed, with ${kind}`, {
    skip: process.platform === "linux" ? false : "needs /proc",
  }, async () => {
    const persist = join(folder, `${kind}-killed`);
    const resolved = new Set<number>();
    let next = 1;
    for (let round = 1; round <= 3; round += 1) {
      const others = new Set(workerds(new Set()));
      const worker = start(persist);
      try {
        const there = new Set(((await ask(worker, kind, "open")) as string[]).map(Number));
        assert.deepEqual(
          [...resolved].filter((id) => !there.has(id)),
          [],
        );
        assert.deepEqual(
          [...there],
          [...there].toSorted((a, b) => a - b),
        );
        // A change that was running at the kill is there as a whole or not at all.
        for (const id of there) {
          const first = id - ((id - 1) % 10);
          assert.ok(there.has(first) && there.has(first + 9), `entry ${id} is there without the others of its write`);
        }
        const write = async () => {
          for (;;) {
            const first = next;
            next += 10;
            assert.equal(await ask(worker, kind, `write?from=${first}&to=${first + 10}`), "written");
            for (let id = first; id < first + 10; id += 1) {
              resolved.add(id);
            }
            if (resolved.size >= 500 * round) {
              for (const pid of workerds(others)) {
                process.kill(pid, "SIGKILL");
              }
            }
          }
        };
        await Promise.all(Array.from({ length: 5 }, () => assert.rejects(write)));
      } finally {
        await worker.dispose().catch(() => {});
      }
    }
    assert.ok(resolved.size >= 1500);
  });

  test(`durableObjectOutbox: repeats a write whose sync failed, with ${kind}`, async () => {
    const worker = start(join(folder, `${kind}-unsure`));
    try {
      assert.deepEqual(await ask(worker, kind, "unsure"), ["outbox.failed", "written", "a"]);
    } finally {
      await worker.dispose();
    }
  });

  test(`durableObjectOutbox: one recorder per object uses its own keys, and survives deleteAll, with ${kind}`, async () => {
    const worker = start(join(folder, `${kind}-once`));
    try {
      assert.deepEqual(await ask(worker, kind, "open"), []);
      assert.equal(((await ask(worker, kind, "open-again")) as { code: string }).code, "outbox.in_use");
      await ask(worker, kind, "write?from=1&to=4");
      assert.equal(await ask(worker, kind, "keys"), 3);
      await ask(worker, kind, "delete-all");
      assert.equal(await ask(worker, kind, "write?from=4&to=6&remove=1"), "written");
      assert.equal(await ask(worker, kind, "keys"), 2);
    } finally {
      await worker.dispose();
    }
  });
}
