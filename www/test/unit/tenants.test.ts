/** Tenants of a root log's console. */

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import * as access from "../../console/access.ts";
import { isOfRootLog } from "../../console/health.ts";
import { Log } from "../../console/log.ts";
import { parseTenant, trustOf } from "../../console/tenants/tenant.ts";
import { TenantList } from "../../console/tenants/tenant-list.ts";
import { FilteredTenants, NO_FILTER } from "../../console/tenants/tenants-view.ts";
import { Memory } from "../../src/state/memory.ts";

const ROOT = { pathname: "/" };
const id = (number: number) => number.toString(16).padStart(32, "0");
const origin = (number: number) => `log.example/audit/t/${id(number)}`;
const line = (number: number, fields: object = {}) =>
  JSON.stringify({
    name: `c${number}`,
    origin: origin(number),
    state: "live",
    size: 5,
    since: 3,
    ...fields,
  });

function tenant(number: number, fields: object = {}) {
  return parseTenant(line(number, fields)) ?? assert.fail("not a tenant");
}

test("parseTenant: reads a line of the list, and rejects others", () => {
  assert.deepEqual(tenant(1), {
    name: "c1",
    origin: origin(1),
    id: id(1),
    state: "live",
    size: 5,
    since: 3,
    stopped: undefined,
  });
  assert.equal(tenant(1, { since: null, state: "new" }).since, undefined);
  const stopped = tenant(1, { stopped: "log.rollback" });
  assert.deepEqual([stopped.state, stopped.stopped], ["stopped", "log.rollback"]);
  const wrong = [
    { name: 1 },
    { origin: "log.example/audit" },
    { origin: `javascript:alert(1)//t/${id(1).toUpperCase()}Z` },
    // Lines of a trust file.
    { origin: `x\nemitter KEY\norigin ${origin(1)}` },
    { origin: `x emitter/t/${id(1)}` },
    { origin: `${origin(1)}\n` },
    { state: null },
    { size: -1 },
    { size: "5" },
    { since: 1.5 },
    { since: "3" },
  ];
  for (const fields of wrong) assert.equal(parseTenant(line(1, fields)), undefined, JSON.stringify(fields));
  for (const text of ["", "null", "[]", "{", "7"]) assert.equal(parseTenant(text), undefined, text);
});

test("trustOf: names the tenant's log, unless the trust file does", () => {
  const choice = (text: string) => ({ file: { name: "trust.txt", text }, keys: [] });
  const text = (given: string, since: number | null = 3) =>
    trustOf(choice(given), tenant(1, { since })).file?.text;
  assert.equal(text("log KEY"), `log KEY\norigin ${origin(1)} 3\n`);
  assert.equal(text("log KEY\n", null), `log KEY\norigin ${origin(1)}\n`);
  // Another tick in the trust file stays: it may prove that the log was started again.
  const own = `log KEY\n origin\t${origin(1)} 2\n`;
  assert.equal(text(own), own);
  assert.equal(text(`origin ${origin(2)}\n`), `origin ${origin(2)}\norigin ${origin(1)} 3\n`);
  const none = { file: undefined, keys: [] };
  assert.equal(trustOf(none, tenant(1)), none);
});

test("isOfRootLog: recognizes the two answers of a root log", () => {
  for (const is of [
    '{"status":"healthy"}',
    '{"status":"unhealthy"}',
    '{"healthy":true,"tenants":{"stopped":[]}}',
  ])
    assert.ok(isOfRootLog(is), is);
  for (const not of [
    '{"healthy":true}',
    '{"status":"ok"}',
    '{"status":"healthy","version":1}',
    "",
    "[]",
    "null",
  ])
    assert.ok(!isOfRootLog(not), not);
});

/** Answers the requests for pages of the list. Returns the addresses asked for. */
function served(t: TestContext, page: (after: string | null) => Response): string[] {
  const asked: string[] = [];
  t.mock.method(globalThis, "fetch", async (address: string) => {
    asked.push(address);
    return page(new URL(address, "http://log.example/").searchParams.get("after"));
  });
  return asked;
}

const page = (from: number, end: number) =>
  new Response(Array.from({ length: end - from }, (_, place) => `${line(from + place)}\n`).join(""));

test("TenantList: loads all pages, and counts lines that it can't read", async (t) => {
  const asked = served(t, (after) =>
    after === null ? page(0, 1000) : new Response(`${line(1000)}\n{"name":1}\n`),
  );
  let changes = 0;
  const list = new TenantList(new Log(ROOT), () => (changes += 1));
  const loading = list.load();
  assert.ok(list.isLoading);
  await loading;
  assert.deepEqual(
    [list.tenants.length, list.unread, list.isComplete, list.isLoading],
    [1001, 1, true, false],
  );
  assert.deepEqual(asked, ["tenants?limit=1000", `tenants?limit=1000&after=${id(999)}`]);
  assert.ok(changes >= 3);
  list.close();
  assert.deepEqual([list.tenants.length, list.unread], [0, 0]);
});

test("TenantList: is incomplete after a failure, and without an end", async (t) => {
  served(t, (after) => (after === null ? page(0, 1000) : new Response("{}", { status: 503 })));
  const list = new TenantList(new Log(ROOT), () => {});
  await list.load();
  assert.deepEqual([list.tenants.length, list.isComplete, list.refusal?.status], [1000, false, 503]);
  t.mock.restoreAll();
  const asked = served(t, () => new Response(`${"{}\n".repeat(1000)}`));
  await list.load();
  assert.deepEqual([list.tenants.length, list.isComplete, list.unread, asked.length], [0, false, 1000, 1]);
});

test("FilteredTenants: filters by name, ID, and state, and sorts", () => {
  const all = [
    tenant(1, { name: "Acme 10" }),
    tenant(2, { name: "acme 9", size: 7 }),
    tenant(3, { stopped: "log.x" }),
  ];
  const names = (filter: object) =>
    new FilteredTenants().get(all, { ...NO_FILTER, ...filter }).map(({ name }) => name);
  assert.deepEqual(names({ text: " ACME " }), ["Acme 10", "acme 9"]);
  assert.deepEqual(names({ text: origin(2) }), ["acme 9"]);
  assert.deepEqual(names({ text: id(3) }), ["c3"]);
  assert.deepEqual(names({ state: "stopped" }), ["c3"]);
  assert.deepEqual(names({ order: "name" }), ["acme 9", "Acme 10", "c3"]);
  assert.deepEqual(names({ order: "size" }), ["acme 9", "Acme 10", "c3"]);
  const filtered = new FilteredTenants();
  assert.equal(filtered.get(all, NO_FILTER), filtered.get(all, NO_FILTER));
});

test("Log: asks a tenant log below the root log's page", async (t) => {
  const asked = served(t, () => new Response("ok"));
  const log = new Log({ pathname: `/t/${id(1)}/` }, `t/${id(1)}/`);
  log.token = "abc";
  await log.success("export");
  await log.public("tile/entries/000");
  assert.deepEqual(asked, [`t/${id(1)}/export`, `t/${id(1)}/tile/entries/000`]);
  assert.ok(log.isTenant);
});

test("access: hands the input over to one page, once", (t) => {
  const kept = new Map<string, string>();
  const sessionStorage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  };
  const at = (pathname: string) => Object.assign(globalThis, { sessionStorage, location: { pathname } });
  t.after(() => Object.assign(globalThis, { sessionStorage: undefined, location: undefined }));
  const trust = { file: { name: "trust.txt", text: "log KEY\n" }, keys: [] };
  at("/");
  access.handOver(`/t/${id(1)}/`, { token: "abc", trust, isKept: false });
  at(`/t/${id(1)}/`);
  assert.deepEqual(access.stored(), { token: "abc", trust, isKept: false });
  assert.equal(access.stored(), undefined);
  access.handOver(`/t/${id(1)}/`, { token: "abc", trust, isKept: true });
  at(`/t/${id(2)}/`);
  assert.equal(access.stored(), undefined);
  at(`/t/${id(1)}/`);
  assert.equal(access.stored(), undefined, "another page discards it");
  assert.equal(kept.size, 0);
});

test("Memory: doesn't forget other logs for those of a search", () => {
  const kept = new Map<string, string>();
  const shelf = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  };
  const root = Buffer.alloc(32, 1).toString("base64");
  const pin = (number: number, size = 5) => `log.example/${number}\n${size}\n${root}\n\n— log.example AAAA\n`;
  const when = new Date("2026-11-03T10:00:00.000Z");
  const cautious = new Memory(shelf, { replacesOthers: false });
  for (let number = 0; number < 200; number += 1) assert.ok(cautious.keep(pin(number), when));
  assert.equal(cautious.keep(pin(200), when), false);
  assert.ok(cautious.keep(pin(7, 6), when), "a known log is updated");
  assert.equal(cautious.of("log.example/7")?.size, 6);
  assert.ok(new Memory(shelf).keep(pin(200), when));
  assert.equal(cautious.list().length, 200);
});
