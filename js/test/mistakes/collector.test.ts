/** Mistakes that only the collector shows, or what answers in its place. */

import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import { Signer } from "../conformance/keys.ts";
import type { Started } from "../conformance/log.ts";
import { serve } from "../conformance/serve.ts";
import { EMITTERS, LOG, SETUP } from "../conformance/setup.ts";
import { createRecorder } from "../deliver/recorder.ts";
import { type full, RIGHT, type Said, says } from "./mistake.ts";

/** Records an event with these options, and gives what kept it from being delivered. */
async function failure(wrong: Record<string, unknown>): Promise<unknown> {
  const recorder = await createRecorder({ ...RIGHT, ...wrong, onError: () => {} } as full.LogOptions).ready();
  const handle = recorder.record({ action: "job.delete" });
  const error = await recorder.flush().then(
    () => assert.fail("it was delivered"),
    (error) => error,
  );
  assert.equal(recorder.status().waiting, 1, "what was recorded is kept");
  assert.equal(recorder.status().lastError, error);
  await handle.stored();
  return error;
}

describe("what answers is not a collector", () => {
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

  const CASES: Record<string, Said> = {
    "/missing": [
      "collector.unexpected",
      undefined,
      /^http:\/\/127\.0\.0\.1:\d+\/missing\/submit answered with status 404$/,
      /address of a collector\? GET http.*\/missing\/checkpoint must show/,
    ],
    "/page": ["collector.unexpected", undefined, /status 200/, /address of a collector\?/],
    "/moved": ["collector.unexpected", undefined, /status 301/, /redirects: .*may be https:\/\/log\.example\/moved$/],
    "/login": ["collector.unexpected", undefined, /status 302/, /redirects: .*sso\.example\/login$/],
    "/secret": ["collector.unexpected", undefined, /status 302/, /may be https:\/\/sso\.example\/login$/],
    "/loud": [
      "collector.busy",
      undefined,
      /^the collector says: {2}\]0;x a b c d\ufffd$/,
      /The events wait in memory, and are sent again$/,
    ],
    "/private": ["collector.unexpected", undefined, /status 401/, /asks who this is; exempt \/submit from it,/],
    "/json": ["proof.invalid", undefined, /no proof of the last link/, /does not prove it to `log`/],
    "/broken": ["collector.failed", undefined, /status 500/, /The events wait in memory, and are sent again$/],
    "/busy": ["collector.busy", undefined, /status 429/, /The events wait in memory, and are sent again$/],
  };
  for (const [path, said] of Object.entries(CASES)) {
    test(path, async () => says(await failure({ to: `${url}${path}` }), said));
  }

  test("https where there is http", async () => {
    says(await failure({ to: url.replace("http:", "https:") }), [
      "collector.unreachable",
      undefined,
      /^the collector at https:\/\/127\.0\.0\.1:\d+\/submit cannot be reached \(\w*SSL\w*\)$/,
      /no TLS.*begin with http:/,
    ]);
  });

  test("nothing listens", async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    says(await failure({ to: `http://127.0.0.1:${port}` }), [
      "collector.unreachable",
      undefined,
      /cannot be reached \(ECONNREFUSED\)/,
      /its port, and that the collector runs/,
    ]);
  });

  test("there is no such host", async () => {
    const none = () => Promise.reject(Object.assign(new TypeError("fetch failed"), { cause: named("ENOTFOUND") }));
    says(await failure({ to: { url: "https://lgo.example", fetch: none } }), [
      "collector.unreachable",
      undefined,
      /https:\/\/lgo\.example\/submit cannot be reached \(ENOTFOUND\)/,
      /host's name right/,
    ]);
  });

  test("it never answers", async () => {
    const never = (_: string, { signal }: RequestInit) =>
      new Promise<Response>((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
    says(await failure({ to: { url: "https://log.example", fetch: never }, timeoutMs: 20 }), [
      "collector.timeout",
      undefined,
      /within 20 ms/,
      /timeoutMs too short\? The events wait in memory, and are sent again$/,
    ]);
  });
});

const named = (code: string) => Object.assign(new Error(code), { code });

describe("a collector", { skip: serve.skip }, () => {
  let log: Started;
  before(async () => {
    log = await serve.start(SETUP);
  });
  after(() => log.close());

  const fails = async (wrong: Record<string, unknown>, said: Said) =>
    says(await failure({ to: log.url, ...wrong }), said);

  test("its address with a path that is not its own", () =>
    fails({ to: `${log.url}/audit` }, [
      "collector.unexpected",
      undefined,
      /nothing at this address/,
      /GET http.*\/audit\/checkpoint must show/,
    ]));

  test("another log's key", () =>
    fails({ log: new Signer("other.example/log", 9).vkey }, [
      "log.unauthorised",
      undefined,
      /the chain is for the log "other\.example\/log"/,
      /`log` must be this collector's log/,
    ]));

  test("a key that this log does not have, under its name", () =>
    fails({ log: new Signer(LOG.name, 9).vkey }, [
      "proof.invalid",
      undefined,
      /not believed: no trusted log key signed/,
      /is that the log's key\? The events are kept/,
    ]));

  test("a key that was not granted", () =>
    fails({ key: new Signer("example.org/new", 9).secret }, [
      "log.unauthorised",
      undefined,
      /example\.org\/new\+.* was not granted/,
      /issuer's grant.*trust file as emitter/,
    ]));

  test("a clock an hour ahead keeps nothing from coming, and is told", async () => {
    const told: unknown[] = [];
    const recorder = await createRecorder({
      ...RIGHT,
      to: log.url,
      now: () => Date.now() + 3_600_000,
      onError: ({ code }) => told.push(code),
    }).ready();
    const handle = recorder.record({ action: "job.delete" });
    await recorder.flush();
    await Promise.all([handle.delivered(), recorder.close()]);
    assert.deepEqual(told, ["clock.ahead"]);
  });

  test("a clock two days ahead", () =>
    fails({ now: () => Date.now() + 172_800_000 }, [
      "clock.ahead",
      undefined,
      /more than 120 s after the log's clock/,
      /set this machine's clock, or the log's.*The events are kept/,
    ]));

  test("a clock far behind keeps nothing from coming: the log has a clock of its own; and is told", async () => {
    const told: unknown[] = [];
    const recorder = await createRecorder({
      ...RIGHT,
      to: log.url,
      key: EMITTERS[1].secret,
      now: () => Date.UTC(1999, 11, 31),
      onError: ({ code, message }) => told.push(code, /\d+ s behind/.test(message)),
    }).ready();
    const { proof } = await Promise.all([recorder.record({ action: "job.delete" }).delivered(), recorder.close()]).then(
      ([receipt]) => receipt,
    );
    assert.match(proof ?? "", /^c2sp\.org\/tlog-proof@v1\n/);
    assert.deepEqual(told, ["clock.behind", true]);
  });
});
