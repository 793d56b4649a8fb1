/** Tests the field `on_behalf_of`: its forms, its checks, and its place in scopes. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { asyncContext, type EventInput } from "countersign";
import { delegation } from "countersign/mcp";
import { createTestRecorder } from "countersign/testing";

const AGENT = { type: "agent", id: "support-bot" } as const;
const CALL = { action: "tool.call", actor: AGENT };

test("record takes a person in each form", async () => {
  const audit = await createTestRecorder();
  const full = { type: "user", id: "u_1", name: "Grace", grant: "7", via: [{ type: "agent", id: "planner" }] } as const;
  audit.record({ ...CALL, on_behalf_of: "u_1" });
  audit.record({ ...CALL, on_behalf_of: 7 });
  audit.record({ ...CALL, on_behalf_of: ["user", 7, "Grace"] });
  audit.record({ ...CALL, on_behalf_of: { ...full, grant: 7 } });
  audit.record({ ...CALL, on_behalf_of: null });
  assert.deepEqual(
    audit.events().map(({ on_behalf_of }) => on_behalf_of),
    [{ id: "u_1" }, { id: "7" }, { type: "user", id: "7", name: "Grace" }, full, undefined],
  );
  await audit.verified();
});

const INVALID: Record<string, [given: unknown, member: string]> = {
  "an empty ID": [{ id: "" }, "on_behalf_of.id"],
  "no ID": [{ name: "Grace" }, "on_behalf_of.id"],
  "an unknown type": [{ id: "u_1", type: "robot" }, "on_behalf_of.type"],
  "a grant that isn't a string": [{ id: "u_1", grant: {} }, "on_behalf_of.grant"],
  "one agent instead of an array": [{ id: "u_1", via: { id: "planner" } }, "on_behalf_of.via"],
  "an agent without an ID": [{ id: "u_1", via: [{ type: "agent" }] }, "on_behalf_of.via.0.id"],
  "nine agents": [{ id: "u_1", via: Array.from({ length: 9 }, () => ({ id: "planner" })) }, "on_behalf_of.via"],
  true: [true, "on_behalf_of"],
};

for (const [name, [given, member]] of Object.entries(INVALID)) {
  test(`invalid: ${name}`, async () => {
    const event = { ...CALL, on_behalf_of: given } as EventInput;
    const strict = await createTestRecorder();
    assert.throws(() => strict.record(event), { code: "event.invalid", member });
    assert.deepEqual(strict.events(), []);
    const errors: (string | undefined)[] = [];
    const audit = await createTestRecorder({ onInvalid: "report", onError: (error) => errors.push(error.member) });
    audit.record(event);
    assert.deepEqual(errors, [member]);
    const [recorded] = audit.events();
    assert.deepEqual([recorded?.action, recorded?.actor, recorded?.on_behalf_of], ["tool.call", AGENT, undefined]);
  });
}

test("misspelled fields are reported with the right name", async () => {
  const audit = await createTestRecorder();
  const misspelled = { ...CALL, onBehalfOf: "u_1" } as EventInput;
  assert.throws(() => audit.record(misspelled), { hint: /use on_behalf_of/ });
  const subject = { ...CALL, on_behalf_of: { id: "u_1", jti: "t_1" } } as EventInput;
  assert.throws(() => audit.record(subject), { hint: /use on_behalf_of\.grant/ });
});

test("a scope's person belongs to its actor", async () => {
  const audit = await createTestRecorder();
  const scoped = audit.with({ actor: AGENT, on_behalf_of: "u_1" });
  scoped.record("job.delete", { target: ["job", 1] });
  scoped.record("job.delete", { actor: "u_9", target: ["job", 2] });
  scoped.with({ actor: "u_9" }).record("job.delete", { target: ["job", 3] });
  scoped.with({ tenant: "acme" }).record("job.delete", { target: ["job", 4] });
  scoped.recordJson('{"action":"job.delete"}');
  scoped.recordJson('{"action":"job.delete","actor":{"id":"u_9"}}');
  await asyncContext(audit).with({ actor: AGENT, on_behalf_of: 7 }, async (inner) => inner.record("log.disable"));
  assert.deepEqual(
    audit.events().map(({ actor, on_behalf_of }) => [actor?.id, on_behalf_of?.id]),
    [
      ["support-bot", "u_1"],
      ["u_9", undefined],
      ["u_9", undefined],
      ["support-bot", "u_1"],
      ["support-bot", "u_1"],
      ["u_9", undefined],
      ["support-bot", "7"],
    ],
  );
});

test("delegation reads the claims of a token", () => {
  const user = { type: "user", id: "u_1" };
  const nested = { sub: "support-bot", act: { sub: "researcher", act: { sub: "planner" } } };
  assert.deepEqual(delegation({ sub: "u_1", act: nested, client_id: "c_1", scope: "jobs", jti: "t_7" }), {
    actor: AGENT,
    on_behalf_of: {
      ...user,
      grant: "t_7",
      via: [
        { type: "agent", id: "planner" },
        { type: "agent", id: "researcher" },
      ],
    },
  });
  const client = { type: "agent", id: "c_1" };
  assert.deepEqual(delegation({ sub: "u_1", client_id: "c_1", scope: "jobs" }), {
    actor: client,
    on_behalf_of: { ...user, grant: "jobs" },
  });
  assert.deepEqual(delegation({ sub: "c_1", client_id: "c_1" }), { actor: client });
  assert.deepEqual(delegation({ client_id: "c_1" }), { actor: client });
  assert.deepEqual(delegation({ sub: "u_1" }), { actor: user });
  assert.deepEqual(delegation({ sub: "", act: 7, jti: {} }), { actor: undefined });
  let act: object = { sub: "first" };
  for (let nth = 0; nth < 100; nth++) {
    act = { sub: `agent-${nth}`, act };
  }
  assert.equal(delegation({ sub: "u_1", act }).on_behalf_of?.via?.length, 8);
});
