/** Tests requests recorded in workerd. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { after, before, beforeEach, describe, test } from "node:test";
import type { Miniflare } from "miniflare";
import { EMITTERS, LOG } from "../conformance/setup.ts";
import { eventually } from "../eventually.ts";
import { GatedLog, skip } from "./gate.ts";
import { bundled, start } from "./workerd.ts";

const bundle = await bundled(new URL("worker/requests.ts", import.meta.url));

describe("requests of a Worker", { skip, timeout: 90_000 }, () => {
  const log = new GatedLog();
  let worker: Miniflare;
  let already = 0;
  before(async () => {
    await log.start();
    worker = start(bundle, { bindings: { KEY: EMITTERS[0].secret, URL: log.url, LOG: LOG.vkey } });
  });
  after(async () => {
    await worker.dispose();
    await log.close();
  });
  beforeEach(async () => {
    already = (await log.events()).length;
  });

  /** Returns the events since the test began, once there are this many. */
  async function events(count: number) {
    const found = await eventually(
      `${count} events came`,
      async () => (await log.events()).slice(already).map(({ event }) => event),
      ({ length }) => length >= count,
    );
    assert.equal(found.length, count, JSON.stringify(found));
    return found.map(({ http, ...event }) => ({ ...event, http: http && { ...http, latency_ms: undefined } }));
  }

  const request = (path: string, status: number, more: object = {}) => ({
    action: "http.request",
    outcome: status < 400 ? "success" : "failure",
    http: { method: "GET", path, status, host: "worker.test", latency_ms: undefined },
    context: { ip: "127.0.0.1" },
    ...more,
  });

  test("auditHono finds the recorder by the context", async () => {
    await worker.dispatchFetch("http://worker.test/hono/jobs/42?x=1", { headers: { "cf-connecting-ip": "192.0.2.1" } });
    assert.deepEqual(await events(2), [
      { action: "config.read", target: { type: "job", id: "42" }, http: undefined },
      {
        ...request("", 200),
        http: { method: "GET", path: "/hono/jobs/:id", status: 200, latency_ms: undefined },
        context: { ip: "192.0.2.1" },
      },
    ]);
  });

  test("auditHandle delivers the events of all requests", async () => {
    const ask = () => worker.dispatchFetch("http://worker.test/kit/jobs/42");
    await Promise.all(Array.from({ length: 20 }, ask));
    const init = {
      ...request("", 200),
      http: { method: "GET", path: "/kit/jobs/[id]", status: 200, latency_ms: undefined },
      context: undefined,
    };
    const expected = [{ action: "config.read", target: { type: "job", id: "42" } }, init];
    const found = (await events(40)).sort((a, b) => a.action.localeCompare(b.action));
    assert.deepEqual(
      JSON.parse(JSON.stringify(found)),
      JSON.parse(JSON.stringify(expected.flatMap((one) => Array(20).fill(one)))),
    );
  });

  test("auditNext delivers all events through `after`", async () => {
    const ask = () => worker.dispatchFetch("http://worker.test/next/jobs/42");
    assert.deepEqual(await (await ask()).json(), { queued: 2 });
    await events(2);
    await Promise.all(Array.from({ length: 5 }, ask));
    assert.equal((await events(12)).length, 12);
  });

  test("records responses and throwing handlers", async () => {
    const answer = await worker.dispatchFetch("http://worker.test/plain/job?token=x", {
      headers: { "cf-connecting-ip": "192.0.2.1" },
    });
    assert.equal(await answer.text(), "ok");
    assert.equal(answer.headers.get("x-own"), "1");
    assert.equal((await worker.dispatchFetch("http://worker.test/plain/throw")).status, 500);
    assert.deepEqual(await events(2), [
      request("/plain/job", 200, { context: { ip: "192.0.2.1" } }),
      request("/plain/throw", 500, { reason: "the handler threw" }),
    ]);
  });

  test("passes on WebSocket responses unchanged", async () => {
    const answer = await worker.dispatchFetch("http://worker.test/plain/socket", { headers: { upgrade: "websocket" } });
    const socket = answer.webSocket ?? assert.fail("no socket");
    const message = new Promise((resolve) => socket.addEventListener("message", ({ data }) => resolve(data)));
    socket.accept();
    socket.send("there");
    assert.equal(await message, "there back");
    socket.close();
    assert.deepEqual(await events(1), [request("/plain/socket", 101)]);
  });

  test("records a stream canceled by its client as one request", async () => {
    const url = new URL("/plain/endless", await worker.ready);
    const sent = get(url, { headers: { host: "worker.test" } });
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    await once(response, "data");
    response.destroy();
    const found = await events(1);
    assert.deepEqual(found, [request("/plain/endless", 200)]);
  });
});
