/** Tests many invocations of one isolate in workerd: none waits for another, and no event is lost or repeated. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { after, before, beforeEach, describe, test } from "node:test";
import type { Miniflare } from "miniflare";
import { EMITTERS, LOG } from "../conformance/setup.ts";
import { eventually } from "../eventually.ts";
import { GatedLog, skip } from "./gate.ts";
import { bundled, start } from "./workerd.ts";

const bundle = await bundled(new URL("worker/concurrent.ts", import.meta.url));

describe("one isolate of a Worker", { skip, timeout: 110_000 }, () => {
  const log = new GatedLog();
  let worker: Miniflare;
  before(() => log.start());
  after(() => log.close());

  /** Returns the event IDs in the log, in order. */
  const ids = async () => (await log.events()).map(({ event }) => (event.target as { id: string }).id);
  const ask = (path: string) => worker.dispatchFetch(`http://worker.test${path}`);
  const status = async () => (await (await ask("/status")).json()) as { waiting: number; chain: string; code?: string };

  /** Resolves when all recorded events are delivered. */
  async function settled(): Promise<void> {
    await eventually("no event waits", status, ({ waiting }) => waiting === 0);
  }

  beforeEach(async (t) => {
    log.fates = [];
    log.otherwise = "pass";
    worker = start(bundle, {
      bindings: { AUDIT_KEY: EMITTERS[0].secret, AUDIT_URL: log.url, AUDIT_LOG: LOG.vkey },
    });
    if ("after" in t) {
      t.after(() => worker.dispose());
    }
  });

  async function expect(expected: readonly string[]): Promise<void> {
    await settled();
    const there = new Map<string, number>();
    for (const id of await ids()) {
      there.set(id, (there.get(id) ?? 0) + 1);
    }
    assert.deepEqual(
      expected.filter((id) => there.get(id) !== 1),
      [],
    );
  }

  async function arrived(id: string): Promise<void> {
    await eventually(`${id} is in the log`, ids, (there) => there.includes(id));
  }

  test("concurrent requests record into one chain", async () => {
    const expected = Array.from({ length: 300 }, (_, nth) => `at once ${nth}`);
    const chains = await Promise.all(
      expected.map(async (id) => {
        assert.equal(await (await ask(`/record?id=${id}`)).text(), "ok");
        return (await status()).chain;
      }),
    );
    await expect(expected);
    assert.equal(new Set(chains.filter((chain) => chain !== undefined)).size, 1);
  });

  test("events of a throwing handler, and after its response, are delivered", async () => {
    assert.equal((await ask("/throw?id=thrown")).status, 500);
    assert.equal(await (await ask("/later?id=later")).text(), "first last");
    await ask("/framework?id=by its context");
    await expect(["thrown", "later", "by its context"]);
  });

  test("an invocation can record many events", async () => {
    await ask("/many?id=of many&count=1000");
    await expect(Array.from({ length: 1000 }, (_, nth) => `of many-${nth}`));
  });

  test("a handler can await the proof", async () => {
    const receipt = (await (await ask("/delivered?id=proven")).json()) as { index: number; proof: string };
    assert.equal(typeof receipt.index, "number");
    assert.match(receipt.proof, /^c2sp\.org\/tlog-proof@v1\n/);
    await expect(["proven"]);
  });

  test("scheduled and queue handlers record", async () => {
    const { scheduled, queue } = await worker.getWorker();
    await scheduled({ cron: "1 2 3 4 5" });
    await queue("jobs", [{ id: "message 1", timestamp: new Date(), attempts: 1, body: "x" }]);
    await expect(["1 2 3 4 5", "message 1"]);
  });

  test("a hanging log server delays no response", async () => {
    log.otherwise = "hang";
    const expected = Array.from({ length: 50 }, (_, nth) => `while it hangs ${nth}`);
    await Promise.all(expected.map((id) => ask(`/record?id=${id}`)));
    await log.next();
    log.otherwise = "pass";
    await expect(expected);
  });

  test("events whose response was lost are resent and recorded once", async () => {
    log.fates = ["lose the answer", "fail", "lose the answer"];
    await Promise.all(["lost 1", "lost 2"].map((id) => ask(`/record?id=${id}`)));
    await expect(["lost 1", "lost 2"]);
  });

  test("a client may disconnect during a flush", async () => {
    log.fates = ["hang"];
    const came = log.next();
    const url = new URL("/delivered?id=gone", await worker.ready);
    const gone = httpRequest(url).on("error", () => {});
    gone.end();
    await came;
    const others = ["beside 1", "beside 2", "beside 3"];
    const answers = Promise.all(others.map((id) => ask(`/delivered?id=${id}`)));
    gone.destroy();
    for (const response of await answers) {
      assert.equal(response.status, 200);
    }
    await expect(["gone", ...others]);
  });

  test("a handler continues and records after its client disconnected", async () => {
    const gone = httpRequest(new URL("/slow?id=slow", await worker.ready)).on("error", () => {});
    gone.end();
    await once(gone, "finish");
    // Sent by another request while the client of the first disconnects.
    await ask("/record?id=meanwhile");
    gone.destroy();
    await arrived("slow");
  });

  test("a flush that ends with its context is taken over by another", async () => {
    log.fates = ["hang"];
    const cut: string[] = [];
    // On a busy machine, a context may end before its flush has begun.
    const before = log.asked;
    const cutOne = async () => {
      cut.push(`cut ${cut.length}`);
      const came = log.next();
      await ask(`/record?id=${cut.at(-1)}&cut`);
      await Promise.race([came, new Promise((resolve) => setTimeout(resolve, 500))]);
      return log.asked;
    };
    await eventually("a flush has begun", cutOne, (asked) => asked !== before);
    await Promise.all(["after 1", "after 2"].map((id) => ask(`/delivered?id=${id}`)));
    await expect([...cut, "after 1", "after 2"]);
  });

  test("repeatedly interrupted flushes still deliver everything", async () => {
    const expected = Array.from({ length: 120 }, (_, nth) => `now and then ${nth}`);
    for (let first = 0; first < expected.length; first += 20) {
      await Promise.all(
        expected.slice(first, first + 20).map((id, nth) => ask(`/record?id=${id}${nth % 2 === 0 ? "&cut" : ""}`)),
      );
    }
    await expect(expected);
  });
});
