/** Tests scopes, which add fields to many events. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Scope } from "../../packages/countersign/dist/record/audit.js";
import { createLazyRecorder } from "../../packages/countersign/dist/record/lazy.js";
import {
  type Audit,
  CountersignError,
  createRecorder,
  generateKey,
  memory,
} from "../../packages/countersign/dist/record/record.js";

async function start() {
  const { key } = await generateKey("example.com/test");
  const to = memory();
  const audit = await createRecorder({ key, origin: "log.example/audit", to, autoFlush: false }).ready();
  const events = async () => {
    await audit.flush();
    const lines = to.text().split("\n");
    return lines.flatMap((line) => (line.includes('"event"') ? [JSON.parse(line).event] : []));
  };
  return { audit, events };
}

test("with: adds the scope to events without their own values", async () => {
  const { audit, events } = await start();
  const scoped = audit.with({ actor: "u_1", tenant: "acme", request: "r_1", context: { region: "eu", ip: undefined } });
  scoped.record({ action: "a.b" });
  scoped.record({ action: "a.c", actor: { id: "u_2", type: "service" }, context: { request_id: "r_2", ip: "::1" } });
  scoped.record({ action: "a.d", tenant: undefined, context: undefined });
  audit.record({ action: "a.e" });
  const context = { request_id: "r_1", region: "eu" };
  assert.deepEqual(await events(), [
    { action: "a.b", actor: { id: "u_1" }, tenant: "acme", context },
    {
      action: "a.c",
      actor: { id: "u_2", type: "service" },
      tenant: "acme",
      context: { ...context, request_id: "r_2", ip: "::1" },
    },
    { action: "a.d", actor: { id: "u_1" }, tenant: "acme", context },
    { action: "a.e" },
  ]);
});

test("with: the inner of two scopes wins per field", async () => {
  const { audit, events } = await start();
  const outer = audit.with({ actor: { id: "u_1" }, tenant: "acme", context: { ip: "::1", region: "eu" } });
  outer.with({ tenant: "other", context: { region: "us" } }).record({ action: "a.b" });
  assert.deepEqual(await events(), [
    { action: "a.b", actor: { id: "u_1" }, tenant: "other", context: { ip: "::1", region: "us" } },
  ]);
});

test("with: reads the request's ID from a proxy's header immediately", async () => {
  const { audit, events } = await start();
  const headers = new Headers({ "x-request-id": "r_1" });
  const requests: Scope["request"][] = [
    { headers },
    { headers: { "cf-ray": "ray", "x-request-id": "r_2" } },
    { headers: { "x-request-id": ["two", "of them"] } },
    { headers: { "x-request-id": "not a name" } },
    undefined,
  ];
  const scoped = requests.map((request) => audit.with({ request }));
  headers.set("x-request-id", "later");
  for (const [at, one] of scoped.entries()) {
    one.record({ action: `a.${"bcdef"[at]}` });
  }
  assert.deepEqual(
    (await events()).map(({ context }) => context?.request_id),
    ["r_1", "ray", undefined, undefined, undefined],
  );
});

test("with: adds missing fields to JSON text and keeps the others unchanged", async () => {
  const { audit, events } = await start();
  const scoped = audit.with({ actor: "$&", tenant: "acme" });
  scoped.recordJson('{"action":"a.b","n":1.0,"tenant":"own"}\n');
  scoped.recordJson(new TextEncoder().encode("{ }"));
  scoped.recordJson('{"actor":1,"tenant":2}');
  assert.deepEqual(await events(), [
    { action: "a.b", n: 1, tenant: "own", actor: { id: "$&" } },
    { actor: { id: "$&" }, tenant: "acme" },
    { actor: 1, tenant: 2 },
  ]);
  for (const text of ["[]", "{", '"text"', new Uint8Array([0xff])]) {
    assert.throws(() => scoped.recordJson(text), { name: "CountersignError" });
  }
});

test("with: rejects invalid events as without a scope", async () => {
  const { audit } = await start();
  const throwing = {
    action: "a.b",
    get target() {
      throw new Error("of the getter's");
    },
  } as never;
  for (const event of [
    undefined,
    null,
    [],
    '{"action":"a.b"}',
    throwing,
    { action: "a.b", context: 1 } as never,
    {} as never,
  ] as never[]) {
    const refused = (by: Audit) => {
      try {
        by.record(event);
      } catch (error) {
        assert.ok(error instanceof CountersignError);
        return [error.code, error.member, error.message];
      }
      return assert.fail("the scope was accepted");
    };
    assert.deepEqual(refused(audit.with({ actor: "u_1" })), refused(audit));
  }
});

test("with: rejects invalid scopes by name", async () => {
  const { audit } = await start();
  const refusals = [
    [undefined, "with"],
    [{ acter: "u_1" }, "with.acter"],
    [{ request: { url: "/" } }, "with.request"],
  ] as const;
  for (const [scope, member] of refusals) {
    assert.throws(() => audit.with(scope as never), { code: "options.invalid", member });
  }
  // Events recorded in the callback would not get the scope.
  assert.throws(() => audit.with({ actor: "u_1" }, () => assert.fail("it went on")), { code: "context.unavailable" });
});

test("with: waiting events keep their scope", async () => {
  const { key } = await generateKey("example.com/test");
  const to = memory();
  const recorder = createLazyRecorder({
    read: async () => ({ key, to, origin: "log.example" }),
    isShared: false,
    required: false,
  });
  recorder.with({ actor: "u_1" }).record({ action: "a.b" });
  await recorder.flush();
  const events = to
    .text()
    .split("\n")
    .filter((line) => line.includes('"event"'));
  assert.deepEqual(
    events.map((line) => JSON.parse(line).event),
    [{ action: "a.b", actor: { id: "u_1" } }],
  );
});
