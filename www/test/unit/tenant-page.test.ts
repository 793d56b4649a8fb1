/** The console on the page of a tenant log, `/t/<ID>/`. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import type { FindingCode, Report } from "countersign/verify";
import { caseNamed } from "../../../js/test/verify/cases.ts";
import * as access from "../../console/access.ts";
import { History } from "../../console/history.ts";
import { Log, RequestError } from "../../console/log.ts";
import { askStorage, NO_STORAGE } from "../../console/storage.ts";

const ID = "acacacacacacacacacacacacacacacac";
const ORIGIN = `log.example/t/${ID}`;
const TENANT = { pathname: `/t/${ID}/` } as Location;
const ROOT = { pathname: "/" } as Location;

const lines = new TextDecoder().decode(caseNamed("tenant").bytes).trimEnd().split("\n");
const { head } = JSON.parse(lines.at(-1) ?? "") as { head: string };

/** Answers requests with `responses`, by address, and returns the requests so far, each with its token. */
function served(t: TestContext, responses: Readonly<Record<string, string>>): string[] {
  const requested: string[] = [];
  t.mock.method(globalThis, "fetch", async (address: string, { headers }: RequestInit) => {
    requested.push(`${address} ${new Headers(headers).get("authorization")}`);
    const text = responses[address];
    return new Response(text, { status: text === undefined ? 404 : 200 });
  });
  return requested;
}

test("tenant page: requests the head and entries with the token, and nothing about the server", async (t) => {
  const requested = served(t, { head, "tile/entries/000.p/9": "" });
  const log = new Log(TENANT);
  const history = new History(log);
  assert.ok(log.isTenant);
  await history.ask();
  await assert.rejects(log.newestState(), RequestError);
  assert.equal(await askStorage(log), NO_STORAGE);
  assert.deepEqual([history.published, requested], [undefined, []]);
  log.token = "abc";
  await history.ask();
  await log.public("tile/entries/000.p/9");
  assert.deepEqual([history.published?.origin, history.published?.size], [ORIGIN, 9]);
  assert.deepEqual(requested, ["head Bearer abc", "tile/entries/000.p/9 Bearer abc"]);
  history.leave();
  assert.equal(history.published, undefined);
});

test("page of an ordinary log: requests the checkpoint and entries without the token", async (t) => {
  const root = Buffer.alloc(32, 1).toString("base64");
  const requested = served(t, { checkpoint: `log.example\n4101\n${root}\n\n— log.example AAAA\n`, tile: "" });
  for (const pathname of ["/", "/audit/", "/t/", `/t/${ID.toUpperCase()}/`]) {
    const log = new Log({ pathname } as Location);
    const history = new History(log);
    log.token = "abc";
    await history.ask();
    await log.public("tile");
    history.leave();
    assert.deepEqual([log.isTenant, history.published?.size], [false, 4101], pathname);
    assert.deepEqual(requested.splice(0), ["checkpoint null", "tile null"], pathname);
  }
});

test("tenant page: keeps its token apart from those of other pages", (t) => {
  const kept = new Map<string, string>();
  const sessionStorage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  };
  Object.assign(globalThis, { sessionStorage, location: TENANT });
  t.after(() => Object.assign(globalThis, { sessionStorage: undefined, location: undefined }));
  const trust = { file: undefined, keys: [] };
  access.keep({ token: "abc", trust });
  assert.equal(access.stored()?.token, "abc");
  for (const location of [ROOT, { pathname: `/t/${ID.replaceAll("a", "b")}/` }]) {
    Object.assign(globalThis, { location });
    assert.equal(access.stored(), undefined);
    access.forget();
  }
  Object.assign(globalThis, { location: TENANT });
  assert.equal(access.stored()?.token, "abc");
});

test("History: raises the alarm for a changed history and for heads that contradict each other or a pin", () => {
  const raises = (appendOnly: "pass" | "fail" | "not_checked", code?: FindingCode) => {
    const report = {
      origin: ORIGIN,
      verdict: code === undefined ? "verified" : "altered",
      checks: { append_only: { state: appendOnly } },
      finding_counts: code === undefined ? {} : { [code]: 1 },
      log: { size: 9 },
    } as unknown as Report;
    const history = new History(new Log(TENANT));
    const verification = { report, phrases: {}, why: [], pin: head };
    assert.ok(history.process({ verification, pins: [head] } as unknown as Session));
    const isRaised = history.alarm !== undefined;
    history.clearAlarm();
    assert.equal(history.alarm !== undefined, isRaised, "a change of trust doesn't clear it");
    return isRaised;
  };
  assert.ok(!raises("pass") && !raises("not_checked") && !raises("pass", "head.path"));
  assert.ok(raises("fail", "append_only.rewritten"));
  assert.ok(raises("pass", "head.split") && raises("not_checked", "head.order"));
});

test("auditor's page: comes from the server's own address, without the token", async (t) => {
  const page = "<!doctype html>";
  const requested = served(t, { "../../auditor.html": page, "auditor.html": page });
  for (const where of [TENANT, ROOT]) {
    const log = new Log(where);
    log.token = "abc";
    assert.equal(await (await log.auditorsPage())?.text(), page);
  }
  assert.deepEqual(requested, ["../../auditor.html null", "auditor.html null"]);
  served(t, {});
  assert.equal(await new Log(ROOT).auditorsPage(), undefined);
});
