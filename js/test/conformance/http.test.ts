/** Tests what all routes share: methods, paths, CORS, health, and metrics. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Answer } from "./http.ts";
import { onEachLog } from "./log.ts";
import { AUDITOR, ORIGIN, PAGE } from "./setup.ts";

const GET = ["/", "/checkpoint", "/tile/0/000.p/1", "/export", "/proof/x/1", "/stream", "/healthz", "/metrics"];
const POST = ["/submit", "/erase"];

/** Returns the items of a header with a list. */
const words = (answer: Answer, name: string): string[] =>
  String(answer.headers[name] ?? "")
    .toLowerCase()
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");

onEachLog((log) => {
  test("http: each path has one method", async () => {
    const wrong = [
      ...GET.flatMap((path) => ["POST", "PUT", "DELETE", "PATCH"].map((method) => [method, path, "get"] as const)),
      ...POST.flatMap((path) => ["GET", "PUT", "DELETE", "HEAD"].map((method) => [method, path, "post"] as const)),
    ];
    for (const [method, path, right] of wrong) {
      const answer = await log.ask(path, { method, ...(method === "HEAD" ? {} : { body: "" }) });
      assert.equal(answer.status, 405, `${method} ${path}`);
      assert.ok(words(answer, "allow").includes(right), `${method} ${path}`);
      if (method !== "HEAD") {
        assert.deepEqual(answer.refusal(405, "request.invalid"), {}, `${method} ${path}`);
      }
    }
  });

  test("http: unknown paths return 404", async () => {
    for (const path of [
      "/nothing",
      "/submit/",
      "/exports",
      "/export/",
      "/healthz/",
      "/proof",
      "/proof/x",
      "/index.html",
      "/favicon.ico",
    ]) {
      assert.deepEqual((await log.get(path, AUDITOR)).refusal(404, "request.not_found"), {}, path);
      assert.deepEqual(
        (await log.ask(path, { method: "POST", body: "x" })).refusal(404, "request.not_found"),
        {},
        path,
      );
    }
  });

  test("http: the root describes the server in a line", async () => {
    const answer = await log.get("/");
    assert.equal(answer.status, 200);
    assert.equal(answer.headers["content-type"], "text/plain; charset=utf-8");
    assert.ok(answer.text.includes(ORIGIN));
    assert.equal(answer.text.trimEnd().split("\n").length, 1);
  });

  test("http: HEAD returns GET without a body", async () => {
    for (const path of ["/", "/checkpoint", "/healthz", "/metrics", "/export", "/nothing"]) {
      const [get, head] = [await log.get(path), await log.ask(path, { method: "HEAD" })];
      assert.deepEqual([head.status, head.body.length], [get.status, 0], path);
      assert.equal(head.headers["content-type"], get.headers["content-type"], path);
    }
    for (const path of ["/export", "/stream", "/stream?from=0"]) {
      const head = await log.ask(path, { method: "HEAD", headers: { authorization: `Bearer ${AUDITOR}` } });
      assert.deepEqual([head.status, head.body.length], [200, 0], path);
    }
  });

  test("cors: allowed origins can send requests and read the response", async () => {
    for (const path of ["/submit", "/checkpoint", "/export", "/erase", "/stream"]) {
      const headers = {
        origin: PAGE,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-encoding,content-type",
      };
      const leave = await log.ask(path, { method: "OPTIONS", headers: headers });
      assert.ok(leave.status === 200 || leave.status === 204, path);
      assert.equal(leave.headers["access-control-allow-origin"], PAGE, path);
      assert.deepEqual(words(leave, "access-control-allow-methods").sort(), ["get", "post"]);
      const allowed = ["authorization", "content-encoding", "content-type", "last-event-id"];
      assert.deepEqual(words(leave, "access-control-allow-headers").sort(), allowed);
      assert.equal(leave.headers["access-control-max-age"], "3600");
      assert.equal(leave.body.length, 0);
    }
    // CORS headers don't depend on the status.
    for (const [path, status] of [
      ["/checkpoint", 200],
      ["/nothing", 404],
      ["/export", 401],
    ] as const) {
      const answer = await log.get(path, undefined, { origin: PAGE });
      assert.equal(answer.status, status);
      assert.equal(answer.headers["access-control-allow-origin"], PAGE, path);
      assert.deepEqual(words(answer, "access-control-expose-headers").sort(), [
        "content-disposition",
        "countersign-matched",
        "retry-after",
      ]);
      assert.ok(words(answer, "vary").includes("origin"), path);
      assert.equal(answer.headers["access-control-allow-credentials"], undefined);
    }
    const refused = await log.submit("x", { origin: PAGE });
    assert.deepEqual([refused.status, refused.headers["access-control-allow-origin"]], [400, PAGE]);
  });

  test("cors: other origins can't send requests or read the response", async () => {
    for (const origin of ["https://evil.example", `${PAGE}.evil.example`, "http://dashboard.example", "null", "*"]) {
      for (const method of ["OPTIONS", "GET"]) {
        const headers = { origin, "access-control-request-method": "POST" };
        const answer = await log.ask("/checkpoint", { method, headers });
        assert.equal(answer.headers["access-control-allow-origin"], undefined, `${method} ${origin}`);
        assert.ok(answer.status < 300);
      }
    }
  });

  test("cors: requests without an origin get no CORS headers", async () => {
    assert.equal((await log.get("/checkpoint")).headers["access-control-allow-origin"], undefined);
  });

  test("http: response headers contain nothing from the request", async () => {
    const answer = await log.get("/checkpoint?a=%0d%0aSet-Cookie:%20a=b", undefined, {
      origin: "https://evil.example",
      "x-forwarded-host": "evil.example",
    });
    assert.equal(answer.status, 200);
    assert.ok(!JSON.stringify(answer.headers).includes("evil"));
    for (const name of ["set-cookie", "location"]) {
      assert.equal(answer.headers[name], undefined, name);
    }
  });

  test("healthz: reports the state", async () => {
    const { checkpoint } = await log.take(log.chain().body());
    const answer = await log.get("/healthz");
    assert.equal(answer.status, 200);
    assert.equal(answer.headers["content-type"], "application/json");
    assert.equal(answer.headers["cache-control"], "no-store");
    const { published, clock, storage, check, index, ...rest } = answer.json;
    const { now, machine, ...state } = clock as { now: string; machine: string };
    assert.deepEqual(state, { state: "unknown", skew: null, witnesses: {} });
    for (const time of [now, machine]) {
      assert.match(time, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);
    }
    const erasures = { unfinished: 0, failing: false };
    const { size } = checkpoint;
    const well = { healthy: true, problems: [], damaged: null, stopped: null, control_files: [] };
    assert.deepEqual(rest, { ...well, origin: ORIGIN, size, erasures, backup: null, journal: null });
    // A Durable Object doesn't know what the platform manages.
    const { kind, free, total, ...troubles } = storage as { kind: string; free: number | null; total: number | null };
    assert.deepEqual(troubles, { failing: false, full: false });
    if (kind === "object") {
      assert.deepEqual([free, total, check, index], [null, null, null, null]);
    } else {
      assert.equal(kind, "folder");
      assert.ok(free !== null && total !== null && free <= total);
      const { percent, ...checked } = check as { percent: number };
      assert.deepEqual(Object.keys(checked), ["within", "at", "problems"]);
      assert.ok(percent >= 0 && percent <= 100);
      assert.deepEqual(Object.keys(index as object), ["indexed", "whole"]);
    }
    const { at, ...said } = published as { at: string };
    assert.deepEqual(said, { size: checkpoint.size, witnessed: true });
    assert.match(at, /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/);
  });

  test("metrics: count what happened", async () => {
    const counted = async () => {
      const answer = await log.get("/metrics");
      assert.equal(answer.status, 200);
      assert.equal(answer.headers["content-type"], "application/openmetrics-text; version=1.0.0; charset=utf-8");
      assert.ok(answer.text.endsWith("# EOF\n"));
      const samples = answer.text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
      return new Map(
        samples.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))]),
      );
    };
    const submissions = (outcome: string) => `countersign_submissions_total{outcome="${outcome}"}`;
    await log.take(log.chain().body());
    const before = await counted();
    const chain = log.chain().events(3);
    await log.take(chain.body());
    await log.submit("x");
    await log.submit(chain.events(2).body(5));
    const now = await counted();
    const grown = (name: string) => (now.get(name) ?? 0) - (before.get(name) ?? 0);
    assert.equal(grown(submissions("taken")), 1);
    assert.equal(grown(submissions("malformed")), 0);
    assert.equal(grown(`countersign_turned_away_total{reason="malformed"}`), 1);
    assert.equal(grown(submissions("gap")), 1);
    assert.equal(grown("countersign_entries_total"), 4);
    const { size } = await log.checkpoint();
    assert.deepEqual([now.get("countersign_log_size"), now.get("countersign_published_size")], [size, size]);
    for (const name of [
      "countersign_commits_total",
      "countersign_published_time_seconds",
      "countersign_commits_failed_total",
    ]) {
      assert.ok(now.has(name), name);
    }
  });

  test("cors: can be configured for all origins or none", { skip: log.lasting }, async () => {
    const allowed = async () => {
      const preflight = { origin: "https://any.example", "access-control-request-method": "POST" };
      const answers = [
        await log.ask("/submit", { method: "OPTIONS", headers: preflight }),
        await log.get("/checkpoint", undefined, preflight),
      ];
      return answers.map(({ headers }) => headers["access-control-allow-origin"]);
    };
    await log.restart({ cors: ["*"] });
    assert.deepEqual(await allowed(), ["*", "*"]);
    await log.restart({ cors: [] });
    assert.deepEqual(await allowed(), [undefined, undefined]);
    await log.restart({ cors: ["https://other.example", "https://any.example"] });
    assert.deepEqual(await allowed(), ["https://any.example", "https://any.example"]);
    await log.restart();
  });
});
