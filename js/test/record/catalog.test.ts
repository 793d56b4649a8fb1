/** Tests a program's own events with schemas of third-party libraries. */

import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import { z } from "zod";
import { defineEvents, type Schema } from "../../packages/countersign/dist/catalog/define.js";
import type { CountersignError } from "../../packages/countersign/dist/error.js";
import { createRecorder, generateKey, memory } from "../../packages/countersign/dist/record/record.js";

const { key } = await generateKey("example.com/test");

const LIBRARIES = {
  zod: defineEvents({
    "job.delete": z.object({ target: z.object({ type: z.literal("job"), id: z.string().min(3) }) }),
    "job.tag": z.object({ metadata: z.object({ tags: z.array(z.string()), pin: z.number().max(9).optional() }) }),
  }),
  valibot: defineEvents({
    "job.delete": v.object({ target: v.object({ type: v.literal("job"), id: v.pipe(v.string(), v.minLength(3)) }) }),
    "job.tag": v.object({
      metadata: v.object({ tags: v.array(v.string()), pin: v.optional(v.pipe(v.number(), v.maxValue(9))) }),
    }),
  }),
};

async function start(options: object) {
  const to = memory();
  const audit = await createRecorder({ key, origin: "log.example", to, autoFlush: false, ...options }).ready();
  const events = async () => {
    await audit.flush();
    const lines = to.text().split("\n");
    return lines.flatMap((line) => (line.includes('"event"') ? [JSON.parse(line).event] : []));
  };
  const refused = (event: unknown): CountersignError => {
    try {
      audit.record(event as never);
    } catch (error) {
      return error as CountersignError;
    }
    return assert.fail("the event was accepted");
  };
  return { audit, events, refused };
}

for (const [library, events] of Object.entries(LIBRARIES)) {
  test(`defineEvents: validates events with ${library}, and records them unchanged`, async () => {
    const { audit, events: recorded, refused } = await start({ events });
    const event = { action: "job.delete", actor: { id: "u_1" }, target: { type: "job", id: "j_42", name: "nightly" } };
    audit.record(event);
    audit.recordJson(JSON.stringify(event));
    audit.record({ action: "http.request", http: { method: "GET", path: "/*", status: 200 } });

    const wrong = refused({ action: "job.delete", target: { type: "cron", id: "j_42" } });
    assert.deepEqual([wrong.code, wrong.member], ["event.invalid", "target.type"]);
    assert.match(wrong.message, /"job\.delete".*target\.type/);
    assert.match(wrong.hint ?? "", /job/);
    const within = refused({ action: "job.tag", metadata: { tags: ["a", 5] } });
    assert.equal(within.member, "metadata.tags.1");
    assert.equal(refused({ action: "job.tag" }).member, "metadata");
    const missing = refused({ action: "job.update" });
    assert.deepEqual([missing.code, missing.member], ["event.invalid", "action"]);
    assert.match(missing.message, /"job\.update"/);
    assert.throws(() => audit.recordJson('{"action":"job.tag"}'), { code: "event.invalid", member: "metadata" });
    // Inputs that aren't events are rejected as without a catalog.
    assert.match(refused({}).message, /action/);
    assert.throws(() => audit.recordJson("{"), { code: "event.invalid" });

    assert.deepEqual(await recorded(), [
      event,
      event,
      { action: "http.request", http: { method: "GET", path: "/*", status: 200 } },
    ]);
  });

  test(`defineEvents: errors don't repeat values with ${library}`, async () => {
    const { refused } = await start({ events });
    for (const event of [
      { action: "job.delete", target: { type: "hunter2", id: "j_42" } },
      { action: "job.delete", target: { type: "job", id: "~s" } },
      { action: "job.tag", metadata: { tags: [], pin: 4711 } },
    ]) {
      const { message, hint, cause } = refused(event);
      assert.doesNotMatch(`${message} ${hint} ${cause}`, /hunter2|~s|4711/);
    }
  });
}

test("defineEvents: a schema sees the event after beforeRecord and with its scope", async () => {
  const events = defineEvents({
    "job.delete": z.object({ tenant: z.literal("acme"), actor: z.object({ id: z.string() }) }),
  });
  const { audit, events: recorded } = await start({
    events,
    beforeRecord: (event: object) => ({ ...event, tenant: "acme" }),
  });
  audit.with({ actor: "u_1" }).record({ action: "job.delete" });
  assert.deepEqual(await recorded(), [{ action: "job.delete", actor: { id: "u_1" }, tenant: "acme" }]);
});

test("defineEvents: invalid events can be reported and recorded as such", async () => {
  const reported: string[] = [];
  const onError = ({ member }: CountersignError) => reported.push(`${member}`);
  const { audit, events: recorded } = await start({ events: LIBRARIES.zod, onInvalid: "report", onError });
  await audit.record({ action: "job.update" }).stored();
  assert.deepEqual(reported, ["action"]);
  const problem = '"job.update" is not in the recorder\'s catalog of events';
  assert.deepEqual(await recorded(), [
    { action: "job.update", metadata: { countersign_problems: [{ field: "action", problem, recorded: true }] } },
  ]);
});

test("defineEvents: asynchronous and throwing schemas are reported, and their events rejected", async () => {
  const made = (validate: () => never): Schema => ({ "~standard": { version: 1, vendor: "own", validate } });
  const events = defineEvents({
    "a.later": z.object({}).refine(async () => true),
    "a.rejects": made(() => Promise.reject(new Error("of the schema's")) as never),
    "a.throws": made(() => {
      throw new Error("of the schema's");
    }),
  });
  const { refused } = await start({ events });
  for (const action of ["a.later", "a.rejects", "a.throws"]) {
    assert.equal(refused({ action }).code, "event.invalid");
  }
});

test("defineEvents: rejects values that aren't schemas, by action", () => {
  for (const schema of [undefined, {}, { "~standard": { version: 2 } }]) {
    const schemas = { "job.delete": schema } as never;
    assert.throws(() => defineEvents(schemas), { code: "options.invalid", member: "job.delete" });
  }
});
