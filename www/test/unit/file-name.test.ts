import assert from "node:assert/strict";
import { test } from "node:test";
import { formatCount, savedName } from "../../src/evidence/file-name.ts";
import { questionLabel } from "../../src/evidence/question-label.ts";

const SAVED = new Date("2026-11-28T14:30:05.123Z");

test("savedName: tells files of one export apart by reference, contents, and time", () => {
  const file = "audit.ndjson.gz";
  assert.equal(
    savedName({
      file,
      reference: "IR-2026/114 b",
      question: "maria.silva-2026-10",
      contents: formatCount(31, "event"),
      saved: SAVED,
    }),
    "audit.IR-2026-114-b.maria.silva-2026-10.31-events.2026-11-28T14-30-05Z",
  );
  const names = [0, 1, 2].map((events) =>
    savedName({ file, reference: "", question: "", contents: formatCount(events, "event"), saved: SAVED }),
  );
  assert.deepEqual(names, [
    "audit.no-event.2026-11-28T14-30-05Z",
    "audit.1-event.2026-11-28T14-30-05Z",
    "audit.2-events.2026-11-28T14-30-05Z",
  ]);
});

test("savedName: is short enough for any file system, and has only safe characters", () => {
  for (const long of ["x".repeat(5000), "ü日".repeat(5000), '../..\\CON:<>|?*"\u202e\u0000 '.repeat(50)]) {
    const name = savedName({
      file: long,
      reference: long,
      question: long,
      contents: "all-7-events",
      saved: SAVED,
    });
    assert.ok(new TextEncoder().encode(name).length < 200, name);
    assert.match(name, /^[\p{L}\p{N}_-][\p{L}\p{N}._-]*$/u);
    assert.doesNotMatch(name, /\.\./);
  }
});

test("questionLabel: names who or what was asked about, and the days", () => {
  for (const [query, label] of [
    ['actor=="maria.silva@acme.example" since:2026-10-01 time:*..2026-10-31', "maria.silva-2026-10"],
    ["actor:*maria* action:login", "maria"],
    ["action:login since:2026-10-05 time:*..2026-10-05", "login-2026-10-05"],
    ["since:2026-02-01 time:*..2026-03-01", "2026-02-01-to-2026-03-01"],
    ["recorded-since:2026-02-01", "since-2026-02-01"],
    ["time:*..2026-02-01", "until-2026-02-01"],
    ["-action:login", ""],
    ["", ""],
  ] as const)
    assert.equal(questionLabel(query), label, query);
});
