/** Tests that a gate rejects input that it can't judge, whether it fails open or closed. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type CountersignError, type EventToBe, type Gate, gate, type Refusal } from "countersign/gate";
import { PATHS, pack } from "./packs.ts";

const nested = (levels: number): unknown => JSON.parse(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`);

function circle(): object {
  const value: Record<string, unknown> = {};
  value.self = value;
  return value;
}

/** Arguments of a call that no rule can judge, by what is wrong with them. */
const ARGUMENTS: Readonly<Record<string, unknown>> = {
  "more than 256 KiB": { id: "x".repeat(300_000) },
  "more than 256 KiB of other characters": { id: "\u20ac".repeat(100_000) },
  "100 levels": nested(100),
  "63 levels, which are 66 with the event's own": nested(63),
  "100,000 levels": (() => {
    let value: unknown = 1;
    for (let level = 0; level < 100_000; level++) {
      value = [value];
    }
    return value;
  })(),
  "a lone surrogate": { id: "\ud800" },
  "the other half of a surrogate pair": { id: "a\udc00b" },
  "a lone surrogate in a name": { "\ud800": 1 },
  "a number that overflows": JSON.parse('{"n":1e999}'),
  "no number": { n: Number.NaN },
  "a BigInt": { n: 1n },
  "a circle": circle(),
  "a toJSON that throws": { toJSON: () => assert.fail("it threw") },
};

/** Identifiers of other types, with the field that is wrong. */
const IDENTIFIERS = [
  [{ actor: "u_1" }, "actor.id"],
  [{ actor: Promise.resolve({ id: "u_1" }) }, "actor.id"],
  [{ actor: { id: {} } }, "actor.id"],
  [{ actor: { id: "u_1", session: 7 } }, "actor.session"],
  [{ actor: { id: "u_1", credential: [] } }, "actor.credential"],
  [{ tenant: 7 }, "tenant"],
  [{ context: { ip: {} } }, "context.ip"],
] as const;

const DENY_ALL = pack({ all: ["deny", { condition: "call", call: { action: "tool.call" } }] });

for (const fail of ["open", "closed"] as const) {
  describe(`a gate that fails ${fail}`, () => {
    /** Returns a gate's decision, and the errors that it reports. */
    async function decided(rules: object, event: object) {
      const errors: CountersignError[] = [];
      const own: Gate = gate({ pack: rules, fail, onError: (error) => errors.push(error) });
      const decision = await own.decide(event as EventToBe);
      return { own, decision: decision as Refusal, errors };
    }

    for (const [name, input] of Object.entries(ARGUMENTS)) {
      test(`rejects ${name}`, async () => {
        for (const rules of [PATHS, DENY_ALL]) {
          const event = { action: "tool.call", metadata: { tool: { arguments: input } } };
          const { own, decision, errors } = await decided(rules, event);
          assert.deepEqual([decision.decision, decision.by, decision.rule], ["deny", "input", "event.invalid"]);
          assert.deepEqual(
            errors.map(({ code }) => code),
            ["event.invalid"],
          );
          assert.equal(own.answer(decision).status, 400);
        }
      });
    }

    test("judges the largest and the deepest event that can be recorded", async () => {
      for (const input of [{ id: "x".repeat(262_000) }, nested(60)]) {
        const { decision } = await decided(PATHS, { action: "tool.call", metadata: { tool: { arguments: input } } });
        assert.equal(decision.decision, "allow");
      }
    });

    test("rejects identifiers of other types, unless a rule decides before", async () => {
      for (const [fields, member] of IDENTIFIERS) {
        const request = (path: string) => ({ action: "http.request", http: { method: "GET", path }, ...fields });
        const { own, decision } = await decided(PATHS, request("/jobs"));
        assert.deepEqual([decision.decision, decision.by, own.status().lastError?.member], ["deny", "input", member]);
        assert.equal((await decided(PATHS, request("/internal"))).decision.rule, "internal");
      }
      const absent = { actor: null, tenant: null, context: null };
      const { decision } = await decided(PATHS, { action: "http.request", ...absent });
      assert.equal(decision.decision, "allow");
    });

    test("rejects input if only the second event is such", async () => {
      const own = gate({ pack: PATHS, fail, onError() {} });
      const event = { action: "tool.call" };
      const decision = await own.decide(event, {}, { ...event, metadata: { id: "\ud800" } });
      assert.equal((decision as Refusal).by, "input");
    });
  });
}
