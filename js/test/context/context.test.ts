/** Tests contexts across asynchronous calls. */

import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { asyncContext } from "../../packages/countersign/dist/context/context.js";
import { foundStorage } from "../../packages/countersign/dist/context/storage.js";
import { type Audit, createRecorder, generateKey, memory } from "../../packages/countersign/dist/record/record.js";

async function start() {
  const { key } = await generateKey("example.com/test");
  const to = memory();
  const recorder = await createRecorder({ key, origin: "log.example/audit", to, autoFlush: false }).ready();
  const events = async () => {
    await recorder.flush();
    const lines = to.text().split("\n");
    return lines.flatMap((line) => (line.includes('"event"') ? [JSON.parse(line).event] : []));
  };
  return { recorder, events };
}

for (const [name, make] of [
  ["imported", asyncContext],
  ["found", (audit: Audit) => asyncContext(audit, { AsyncLocalStorage: foundStorage() })],
  ["given", (audit: Audit) => asyncContext(audit, { AsyncLocalStorage })],
] as const) {
  test(`asyncContext: concurrent work has separate scopes, with ${name}`, async () => {
    const { recorder, events } = await start();
    const audit = make(recorder);
    const deep = async (action: string) => {
      await sleep(1);
      audit.record({ action });
    };
    const works = ["u_1", "u_2"].map((actor) =>
      audit.with({ actor, tenant: "acme" }, async (given) => {
        assert.equal(given, audit);
        await deep("a.b");
        await audit.with({ tenant: "inner" }, () => deep("a.c"));
        queueMicrotask(() => audit.record({ action: "a.d", actor: { id: "own" } }));
        await sleep(1);
        return actor;
      }),
    );
    assert.deepEqual(await Promise.all(works), ["u_1", "u_2"]);
    audit.record({ action: "a.e" });
    const found = await events();
    for (const actor of [{ id: "u_1" }, { id: "u_2" }]) {
      const of = (action: string) => found.filter((one) => one.action === action && one.actor.id === actor.id);
      assert.deepEqual(of("a.b"), [{ action: "a.b", actor, tenant: "acme" }]);
      assert.deepEqual(of("a.c"), [{ action: "a.c", actor, tenant: "inner" }]);
    }
    assert.equal(found.filter(({ action, actor }) => action === "a.d" && actor.id === "own").length, 2);
    assert.deepEqual(found.at(-1), { action: "a.e" });
  });
}

test("asyncContext: an explicit scope overrides the surrounding one and applies within its work", async () => {
  const { recorder, events } = await start();
  const audit = asyncContext(recorder);
  audit.with({ actor: "u_1", tenant: "acme", request: "r_1" }, () => {
    const job = audit.with({ actor: { id: "cron", type: "service" } });
    job.record({ action: "a.b" });
    job.with({ tenant: "other" }, () => audit.record({ action: "a.c" }));
  });
  const actor = { id: "cron", type: "service" };
  const context = { request_id: "r_1" };
  assert.deepEqual(await events(), [
    { action: "a.b", actor, tenant: "acme", context },
    { action: "a.c", actor, tenant: "other", context },
  ]);
});

test("asyncContext: a scope ends when its work throws", async () => {
  const { recorder, events } = await start();
  const audit = asyncContext(recorder);
  const failing = () => {
    throw new Error("of the work's");
  };
  assert.throws(() => audit.with({ actor: "u_1" }, failing), /of the work's/);
  audit.record({ action: "a.b" });
  assert.deepEqual(await events(), [{ action: "a.b" }]);
});
