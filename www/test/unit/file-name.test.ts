import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCount, savedName } from "../../src/evidence/file-name.ts";

const SAVED = new Date("2026-11-28T14:30:05.123Z");

test("savedName: tells files of one export apart by reference, contents, and time", () => {
  const file = "audit.ndjson.gz";
  assert.equal(
    savedName({ file, reference: "IR-2026/114 b", contents: formatCount(31, "event"), saved: SAVED }),
    "audit.IR-2026-114-b.31-events.2026-11-28T14-30-05Z",
  );
  const names = [0, 1, 2].map((events) =>
    savedName({ file, reference: "", contents: formatCount(events, "event"), saved: SAVED }),
  );
  assert.deepEqual(names, [
    "audit.no-event.2026-11-28T14-30-05Z",
    "audit.1-event.2026-11-28T14-30-05Z",
    "audit.2-events.2026-11-28T14-30-05Z",
  ]);
});

test("savedName: is short enough for any file system, and has only safe characters", () => {
  for (const long of ["x".repeat(5000), "ü日".repeat(5000), '../..\\CON:<>|?*"\u202e\u0000 '.repeat(50)]) {
    const name = savedName({ file: long, reference: long, contents: "all-7-events", saved: SAVED });
    assert.ok(new TextEncoder().encode(name).length < 200, name);
    assert.match(name, /^[\p{L}\p{N}_-][\p{L}\p{N}._-]*$/u);
    assert.doesNotMatch(name, /\.\./);
  }
});
