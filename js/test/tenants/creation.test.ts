/** Tests `POST /tenants`, by which a log server creates the logs of tenants. */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Signer } from "../conformance/keys.ts";
import { ROOT, TenantServer } from "./server.ts";

const EMITTER = new Signer("example.com/emitter", 2);
const STRANGER = new Signer("example.com/stranger", 3);

let log: TenantServer;
before(async () => {
  log = await TenantServer.start({ emitters: [EMITTER.vkey] });
});
after(() => log.close());

interface Answer {
  status: number;
  code: string | undefined;
  body: { name?: string; origin?: string; since?: number };
  cache: string | null;
}

async function create(body: string, token?: string): Promise<Answer> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`${log.url}/tenants`, { method: "POST", body, headers });
  const answer = (await response.json()) as Answer["body"] & { error?: { code: string } };
  const cache = response.headers.get("cache-control");
  return { status: response.status, code: answer.error?.code, body: answer, cache };
}

let requests = 0;

/** Returns a request of a time that no other request has. */
const request = (tenant: string, key = EMITTER, root = ROOT, date = Date.now() + requests++) =>
  key.note(`countersign/v1 tenant\n${root}\n${tenant}\n${new Date(date).toISOString()}\n`);

test("POST /tenants creates a log for a name once, and answers after its first tick", async () => {
  const { status, body, cache } = await create(request("acme & söhne"));
  assert.deepEqual([status, body.name, cache], [200, "acme & söhne", "private, no-store"]);
  assert.match(body.origin ?? "", /^log\.example\/audit\/t\/[0-9a-f]{32}$/);
  assert.ok(Number.isSafeInteger(body.since));
  assert.deepEqual((await create(request("acme & söhne"))).body, body);
  assert.equal(await log.add("acme & söhne"), body.origin);
  const both = await Promise.all([create(request("at once")), create(request("at once"))]);
  assert.deepEqual(both[0]?.body, both[1]?.body);
  // The log can be used.
  assert.match(await log.exported(body.origin ?? ""), /^\{"countersign"/);
});

test("POST /tenants accepts a request once, and while it is new", async () => {
  const first = request("once");
  assert.equal((await create(first)).status, 200);
  const minutes = (number: number) => request("once", EMITTER, ROOT, Date.now() + number * 60_000);
  for (const refused of [first, minutes(-6), minutes(6), minutes(-60)]) {
    const { status, code, body } = await create(refused);
    assert.deepEqual([status, code], [409, "request.time"], refused);
    const { now } = body as { now?: string };
    assert.ok(Math.abs(Date.parse(now ?? "") - Date.now()) < 60_000, `${now}`);
  }
  // A sender whose clock is wrong signs again with the log's time.
  assert.equal((await create(minutes(0))).status, 200);
});

test("POST /tenants needs an emitter's signature, or an admin's token for all logs", async () => {
  const refusals = [
    [request("acme", STRANGER), 403, "log.unauthorized"],
    [request("acme").replace("acme", "beta"), 403, "log.unauthorized"],
    [request("acme", EMITTER, "other.example/audit"), 400, "request.invalid"],
    [request("acme\nbeta"), 400, "request.invalid"],
    [request("a".repeat(256)), 400, "tenant.invalid"],
    [request("\u007f"), 400, "tenant.invalid"],
    [request("a".repeat(4096)), 413, "request.invalid"],
    ["countersign/v1 keys\n", 400, "request.invalid"],
  ] as const;
  for (const [body, status, code] of refusals) {
    const answer = await create(body);
    assert.deepEqual([answer.status, answer.code], [status, code], body.slice(0, 100));
  }
  const named = '{"name":"by an admin"}';
  const origin = await log.add("acme");
  assert.equal((await create(named)).status, 401);
  assert.equal((await create(named, await log.token("reader", "--log", "all"))).status, 403);
  const one = await log.token("admin-of-one", "--right", "admin", "--log", origin.slice(-32));
  const ofOne = await create(named, one);
  assert.deepEqual([ofOne.status, ofOne.code], [403, "request.forbidden"]);
  const admin = await log.token("admin", "--right", "admin", "--log", "all");
  const created = await create(named, admin);
  assert.deepEqual([created.status, created.body.name], [200, "by an admin"]);
  assert.deepEqual((await create(request("by an admin"))).body, created.body);
  for (const body of ['{"name":1}', '{"name":"a","more":1}', "{", ""]) {
    const answer = await create(body, admin);
    assert.deepEqual([answer.status, answer.code], [400, "request.invalid"], body);
  }
});

test("the names of tenants appear in no public answer", async () => {
  await create(request("a secret name"));
  for (const path of ["/", "/checkpoint", "/healthz", "/metrics", "/tenants", "/tile/0/000", "/tile/entries/000"]) {
    const response = await fetch(`${log.url}${path}`);
    assert.ok(!(await response.text()).includes("a secret name"), path);
  }
  assert.equal((await fetch(`${log.url}/tenants`)).status, 401);
});
