/** Tests recorders of `createRecorder` in a Worker: events are delivered once although timers end with a request. */

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, test } from "node:test";
import * as esbuild from "esbuild";
import type { Miniflare } from "miniflare";
import { EMITTERS, LOG } from "../conformance/setup.ts";
import { eventually } from "../eventually.ts";
import { GatedLog, skip } from "./gate.ts";
import { bundled, start } from "./workerd.ts";

const bundle = await bundled(new URL("worker/by-hand.ts", import.meta.url));

test("bundles for Workers don't need the cloudflare: modules", async () => {
  const { warnings } = await esbuild.build({
    stdin: { contents: 'export { createRecorder } from "countersign"', resolveDir: import.meta.dirname },
    bundle: true,
    write: false,
    outdir: "out",
    format: "esm",
    conditions: ["workerd"],
    loader: { ".wasm": "copy" },
  });
  assert.deepEqual(warnings, []);
});

describe("createRecorder in a Worker without an adapter", { skip, timeout: 90_000 }, () => {
  const log = new GatedLog();
  let worker: Miniflare;
  before(() => log.start());
  after(() => log.close());
  beforeEach((t) => {
    log.otherwise = "pass";
    worker = start(bundle, {
      bindings: { KEY: EMITTERS[0].secret, URL: log.url, LOG: LOG.vkey },
      durableObjects: { OBJECT: { className: "Thing", useSQLite: true } },
    });
    if ("after" in t) {
      t.after(() => worker.dispose());
    }
  });

  const ask = async (id: string) => {
    const response = await worker.dispatchFetch(`http://worker.test${id}`);
    assert.equal(await response.text(), "ok");
  };

  /** Waits until the log contains each of the events. */
  async function arrived(ids: readonly string[]): Promise<void> {
    const missing = async () => {
      const events = (await log.events()).map(({ event }) => (event.target as { id: string } | undefined)?.id);
      const times = (id: string) => events.filter((one) => one === id.slice(id.indexOf("?"))).length;
      assert.deepEqual(
        ids.filter((id) => times(id) > 1),
        [],
      );
      return ids.filter((id) => times(id) === 0);
    };
    await eventually("no event is missing in the log", missing, ({ length }) => length === 0);
  }

  for (const path of [
    "/shared",
    "/own",
    "/closed",
    "/flushed",
    "/delivered",
    "/object",
    "/fetch",
    "/hono",
    "/sveltekit",
  ]) {
    test(`${path}: delivers events of one request and of many concurrent ones`, async () => {
      await ask(`${path}?${path} alone`);
      await arrived([`${path}?${encodeURI(`${path} alone`)}`]);
      const many = Array.from({ length: 30 }, (_, nth) => `${path}?${path}-${nth}`);
      await Promise.all(many.map(ask));
      await arrived(many);
    });
  }

  test("delivers events after the log failed temporarily", async () => {
    log.otherwise = "fail";
    const early = Array.from({ length: 5 }, (_, nth) => `/shared?early-${nth}`);
    await Promise.all(early.map(ask));
    await log.next();
    log.otherwise = "pass";
    await arrived(early);
  });
});
