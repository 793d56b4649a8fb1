/** Tests Workers with logs behind each kind of binding, and classes that record, in workerd. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { Miniflare } from "miniflare";
import { EMITTERS, LOG, ORIGIN } from "../conformance/setup.ts";
import { eventually } from "../eventually.ts";
import { GatedLog, skip } from "./gate.ts";
import { bundled, start } from "./workerd.ts";

const bundle = await bundled(new URL("worker/bindings.ts", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "countersign-rooms-"));
after(() => rmSync(folder, { recursive: true, force: true }));

describe("bindings of Workers", { skip, timeout: 90_000 }, () => {
  const log = new GatedLog();
  /** Names by which the log's object was looked up. */
  const names: string[] = [];
  let worker: Miniflare;

  const run = () =>
    start(bundle, {
      bindings: { KEY: EMITTERS[0].secret, LOG: LOG.vkey, TRUST: `# ours\nlog ${LOG.vkey}\n`, URL: log.url },
      serviceBindings: {
        async SERVICE(request: Request) {
          const { pathname } = new URL(request.url);
          names.push(request.headers.get("x-object") ?? "");
          return fetch(`${log.url}${pathname}`, { method: request.method, body: await request.arrayBuffer() });
        },
        SELF: { name: "self", entrypoint: "Entry" },
      },
      name: "self",
      durableObjects: {
        OBJECT: { className: "Log", useSQLite: true },
        ROOM: { className: "Room", useSQLite: true },
        STRICT: { className: "Strict", useSQLite: true },
        UNSET: { className: "Unset", useSQLite: true },
        BROKEN: { className: "Broken", useSQLite: true },
      },
      durableObjectsPersist: folder,
    });

  before(async () => {
    await log.start();
    worker = run();
  });
  after(async () => {
    await worker.dispose();
    await log.close();
  });

  const ask = async (path: string) => (await worker.dispatchFetch(`http://worker.test${path}`)).text();
  const ids = async () => (await log.events()).map(({ event }) => (event.target as { id: string }).id);

  async function arrived(id: string): Promise<void> {
    await eventually(`${id} is in the log`, ids, (there) => there.includes(id));
  }

  for (const [path, name] of [
    ["/service", ""],
    ["/service-named", ""],
    ["/namespace", ORIGIN],
    ["/namespace-trust", ORIGIN],
    ["/namespace-named", "another"],
    ["/fetch", ""],
  ] as const) {
    test(path, async () => {
      // Twice, because the recorder of the first request must serve the second.
      for (const round of [1, 2]) {
        names.length = 0;
        assert.equal(await ask(path), "ok", `round ${round}`);
        assert.deepEqual(names, [name]);
      }
      assert.equal((await ids()).filter((id) => id === path).length, 2);
    });
  }

  test("records with a transport", async () => {
    assert.equal(await ask("/transport"), "ok");
  });

  test("a Durable Object records under its own chain", async () => {
    await ask("/room?id=by fetch");
    await ask("/room/note?id=by RPC");
    await arrived("by fetch");
    await arrived("by RPC");
    assert.match((JSON.parse(await ask("/room?id=once more")) as { chain: string }).chain, /^[0-9a-f]{32}$/);
    await arrived("once more");
  });

  test("an object's recorder is not reachable by RPC", async () => {
    assert.equal(await ask("/room/audit"), "not there");
  });

  test("a call of an entrypoint is flushed without an explicit end", async () => {
    await ask("/entry/note?id=by an entrypoint");
    await arrived("by an entrypoint");
  });

  test("an object whose recorder can't start still works", async () => {
    assert.equal(await ask("/broken/note?id=x"), "ok");
  });

  test("waiting for an event rejects with the mistake in an object's options", async () => {
    assert.equal(await ask("/broken/wait"), '["options.invalid","options.invalid"]');
    assert.match(await ask("/unset/wait"), /the Worker's environment lacks variables: MISSING/);
  });

  test("an object with `required` fails if its recorder can't start", async () => {
    assert.match(await ask("/strict/note?id=x"), /`key` is required/);
  });

  test("events stored by an object are delivered once after a restart", async () => {
    log.otherwise = "hang";
    const expected = Array.from({ length: 20 }, (_, nth) => `kept ${nth}`);
    for (const id of expected) {
      assert.equal(await ask(`/room/note?id=${id}`), "ok");
    }
    await worker.dispose();
    log.otherwise = "pass";
    worker = run();
    await ask("/room?id=after the restart");
    await arrived("after the restart");
    await arrived("kept 19");
    const there = (await ids()).filter((id) => id.startsWith("kept"));
    assert.deepEqual(there, expected);
  });
});
