/** Events that are recorded before there is a recorder. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { type AuditEvent, type CountersignError, createRecorder, memory } from "countersign";
import { RecorderHolder } from "../../dist/adapters/recorder-holder.js";
import { EMITTERS, ORIGIN } from "../conformance/setup.ts";

test("what is no event is told to its handle and to onError, and those beside it are recorded", async () => {
  const exported = memory();
  const errors: CountersignError[] = [];
  const holder = new RecorderHolder({
    create: createRecorder,
    options: async () => ({
      key: EMITTERS[0].secret,
      origin: ORIGIN,
      to: exported,
      flush: false,
      onError: (error) => errors.push(error),
    }),
    shared: false,
    required: false,
  });
  const cycle: { self?: unknown } = {};
  cycle.self = cycle;
  assert.throws(() => holder.record({ action: "job.delete", metadata: cycle }), { code: "event.invalid" });
  const handles = [
    holder.record({ action: "job.first" }),
    holder.record({ action: 1 } as unknown as AuditEvent),
    holder.recordJson("no JSON"),
    holder.record({ action: "job.last" }),
  ];
  const outcomes = handles.map((handle) =>
    handle.delivered().then(
      () => "delivered",
      ({ code }: CountersignError) => code,
    ),
  );
  await holder.flush();
  assert.deepEqual(await Promise.all(outcomes), ["delivered", "event.invalid", "event.invalid", "delivered"]);
  assert.deepEqual(
    errors.map(({ code }) => code),
    ["event.invalid", "event.invalid"],
  );
  const lines = exported.text().split("\n").slice(0, -1);
  assert.deepEqual(
    lines.flatMap((line) => JSON.parse(line).event?.action ?? []),
    ["job.first", "job.last"],
  );
});
