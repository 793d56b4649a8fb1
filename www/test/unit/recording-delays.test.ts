import assert from "node:assert/strict";
import { test } from "node:test";
import type { Selection } from "@countersign/ui/viewer/search/selection.js";
import type { Session } from "@countersign/ui/viewer/session/session.js";
import { RecordingDelays } from "../../src/evidence/recording-delays.ts";

const ROW = { kind: "event", happened: "2026-08-01T00:00:00Z", time: "2026-11-27T00:00:00Z" };

test("recording delays: are read once for each verdict, and only of all events", async () => {
  let reads = 0;
  let selection = { state: "ready", query: "actor:lin", turn: 1 } as Selection;
  const rows = async () => {
    reads += 1;
    return [ROW];
  };
  const report = {};
  const session = { index: { rows }, report, phase: "done" } as unknown as Session;
  const delays = new RecordingDelays();
  const now = () => selection;
  assert.equal(await delays.read(session, now), false);
  assert.equal(reads, 0);
  selection = { ...selection, query: "" };
  assert.equal(
    await delays.read({ ...session, report, phase: "indexing" } as unknown as Session, now),
    false,
  );
  // Another search replaces the rows while they are read.
  const interrupted = delays.read(session, now);
  selection = { ...selection, turn: 2 };
  assert.equal(await interrupted, false);
  assert.equal(delays.of(report as never), undefined);
  assert.equal(await delays.read(session, now), true);
  assert.equal(await delays.read(session, now), false);
  assert.equal(reads, 2);
  const { late, longest, isAll } = delays.of(report as never) ?? {};
  assert.deepEqual([late, longest, isAll], [1, 118 * 86_400_000, true]);
});
