/** Tests mistakes that only show in responses of the log server, or of another server. */

import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { Signer } from "../conformance/keys.ts";
import type { Started } from "../conformance/log.ts";
import { serve } from "../conformance/serve.ts";
import { EMITTERS, LOG, SETUP } from "../conformance/setup.ts";
import { createRecorder, creating } from "../deliver/recorder.ts";
import { type ExpectedError, type full, RIGHT, says } from "./mistake.ts";

/** Records an event with these options, and returns the error that prevented its delivery. */
async function failure(wrong: Record<string, unknown>, create = createRecorder): Promise<unknown> {
  const recorder = await create({ ...RIGHT, ...wrong, onError: () => {} } as full.LogOptions).ready();
  const handle = recorder.record({ action: "job.delete" });
  const error = await recorder.flush().then(
    () => assert.fail("the event was delivered"),
    (error) => error,
  );
  assert.equal(recorder.status().waiting, 1, "the event stays queued");
  assert.equal(recorder.status().lastError, error);
  await handle.stored();
  return error;
}

describe("not a log server", () => {
  const pages: Record<string, [status: number, headers: Record<string, string>, body: string]> = {
    "/missing": [404, { "content-type": "text/html" }, "<!doctype html><h1>Not found</h1>"],
    "/page": [200, { "content-type": "text/html" }, "<!doctype html><h1>Welcome</h1>"],
    "/moved": [301, { location: "https://log.example/moved/submit?from=here" }, ""],
    "/secret": [302, { location: "https://user:secret@sso.example/login?token=secret#secret" }, ""],
    "/loud": [
      503,
      {},
      JSON.stringify({ error: { code: "server.busy", message: "\u001b]0;x\u0007a\r\nb\u202ec\u2028d" + "\ud800" } }),
    ],
    "/login": [302, { location: "//sso.example/login" }, ""],
    "/private": [401, {}, "Who are you?"],
    "/json": [200, { "content-type": "application/json" }, "{}"],
    "/broken": [500, {}, "oh"],
    "/busy": [429, { "retry-after": "1" }, ""],
  };
  let server: Server;
  let url = "";
  before(async () => {
    server = createServer((request, response) => {
      const [status, headers, body] = pages[(request.url ?? "").replace("/submit", "")] ?? [404, {}, ""];
      request.resume().on("end", () => response.writeHead(status, headers).end(body));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => server.close());

  const CASES: Record<string, ExpectedError> = {
    "/missing": ["log_server.unexpected", undefined],
    "/page": ["log_server.unexpected", undefined],
    "/moved": ["log_server.unexpected", undefined],
    "/login": ["log_server.unexpected", undefined],
    "/secret": ["log_server.unexpected", undefined],
    "/loud": ["log_server.busy", undefined],
    "/private": ["log_server.unexpected", undefined],
    "/json": ["proof.invalid", undefined],
    "/broken": ["log_server.failed", undefined],
    "/busy": ["log_server.busy", undefined],
  };
  for (const [path, said] of Object.entries(CASES)) {
    test(path, async () => says(path, await failure({ to: `${url}${path}` }), said));
  }

  test("https URL for an http server", async ({ name }) => {
    says(name, await failure({ to: url.replace("http:", "https:") }), ["log_server.unreachable", undefined]);
  });

  test("connection refused", async ({ name }) => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    says(name, await failure({ to: `http://127.0.0.1:${port}` }), ["log_server.unreachable", undefined]);
  });

  test("unknown host", async ({ name }) => {
    const none = () => Promise.reject(Object.assign(new TypeError("fetch failed"), { cause: named("ENOTFOUND") }));
    says(name, await failure({ to: { url: "https://lgo.example", fetch: none } }), [
      "log_server.unreachable",
      undefined,
    ]);
  });

  test("no response", async ({ name }) => {
    const never = (_: string, { signal }: RequestInit) =>
      new Promise<Response>((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
    says(name, await failure({ to: { url: "https://log.example", fetch: never }, timeoutMs: 20 }), [
      "log_server.timeout",
      undefined,
    ]);
  });
});

const named = (code: string) => Object.assign(new Error(code), { code });

describe("log server", { skip: serve.skip }, () => {
  let log: Started;
  before(async () => {
    log = await serve.start(SETUP);
  });
  after(() => log.close());

  const fails = async (name: string, wrong: Record<string, unknown>, said: ExpectedError) =>
    says(name, await failure({ to: log.url, ...wrong }), said);

  test("URL with a wrong path", ({ name }) =>
    fails(name, { to: `${log.url}/audit` }, ["log_server.unexpected", undefined]));

  test("key of another log", ({ name }) =>
    fails(name, { log: new Signer("other.example/log", 9).vkey }, ["log.unauthorized", undefined]));

  test("wrong key with this log's name", ({ name }) =>
    fails(name, { log: new Signer(LOG.name, 9).vkey }, ["proof.invalid", undefined]));

  test("key without a grant", ({ name }) =>
    fails(name, { key: new Signer("example.org/new", 9).secret }, ["log.unauthorized", undefined]));

  test("a clock one hour ahead is reported and blocks nothing", async () => {
    const reported: unknown[] = [];
    const recorder = await creating({ now: () => Date.now() + 3_600_000 })({
      ...RIGHT,
      to: log.url,
      onError: ({ code }) => reported.push(code),
    }).ready();
    const handle = recorder.record({ action: "job.delete" });
    await recorder.flush();
    await Promise.all([handle.delivered(), recorder.close()]);
    assert.deepEqual(reported, ["clock.ahead"]);
  });

  test("clock two days ahead", async ({ name }) => {
    const create = creating({ now: () => Date.now() + 172_800_000 });
    says(name, await failure({ to: log.url }, create), ["clock.ahead", undefined]);
  });

  test("a clock far behind is reported and blocks nothing", async () => {
    const reported: unknown[] = [];
    const recorder = await creating({ now: () => Date.UTC(1999, 11, 31) })({
      ...RIGHT,
      to: log.url,
      key: EMITTERS[1].secret,
      onError: ({ code, message }) => reported.push(code, /\d+ s behind/.test(message)),
    }).ready();
    const { proof } = await Promise.all([recorder.record({ action: "job.delete" }).delivered(), recorder.close()]).then(
      ([receipt]) => receipt,
    );
    assert.match(proof ?? "", /^c2sp\.org\/tlog-proof@v1\n/);
    assert.deepEqual(reported, ["clock.behind", true]);
  });
});
