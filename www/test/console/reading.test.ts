import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DEFAULT_EXTENT,
  exportAddress,
  isToken,
  NO_CONDITIONS,
  readExtent,
  readQuery,
  readTab,
  TABS,
  writeFragment,
} from "../../console/address.ts";
import { parseHealth } from "../../console/health.ts";
import { figure, figuresBy, parseMetrics } from "../../console/metrics.ts";

test("metrics: parses OpenMetrics", () => {
  const metrics = parseMetrics(
    [
      "# HELP countersign_submissions Submissions answered, by outcome.",
      "# TYPE countersign_submissions counter",
      'countersign_submissions_total{outcome="taken"} 2',
      'countersign_submissions_total{outcome="fork"} 1 1700000000.5',
      "# UNIT countersign_commit_seconds seconds",
      "countersign_commit_seconds_sum 0.038",
      'countersign_commit_seconds_bucket{le="+Inf"} 2',
      'countersign_witness_failures_total{witness="a \\"b\\"\\n} c"} 3',
      "countersign_nothing -Inf",
      "# EOF",
      "",
    ].join("\n"),
  );
  assert.equal(metrics.ignored, 0);
  assert.equal(metrics.metrics[0]?.help, "Submissions answered, by outcome.");
  assert.equal(figure(metrics, "countersign_submissions_total"), 3);
  assert.deepEqual(figuresBy(metrics, "countersign_submissions_total", "outcome"), [
    ["taken", 2],
    ["fork", 1],
  ]);
  assert.deepEqual(figuresBy(metrics, "countersign_witness_failures_total", "witness"), [['a "b"\n} c', 3]]);
  assert.equal(figure(metrics, "countersign_nothing"), Number.NEGATIVE_INFINITY);
  assert.equal(figure(metrics, "absent"), undefined);
});

test("metrics: counts lines that aren't metrics and never parses them as metrics", () => {
  const hostile = [
    "<!doctype html>",
    "name",
    "name 1e",
    "name{a=b} 1",
    'name{a="b} 1',
    `long{a="${"x".repeat(5000)}"} 1`,
    "__proto__ 7",
    'constructor{__proto__="x"} 1',
  ];
  const { metrics, ignored } = parseMetrics(hostile.join("\n"));
  assert.deepEqual(
    metrics.map(({ name }) => name),
    ["__proto__", "constructor"],
  );
  assert.equal(ignored, hostile.length - 2);
  const many = parseMetrics("a 1\n".repeat(6000));
  assert.equal(many.metrics[0]?.samples.length, 5000);
  assert.equal(many.ignored, 1000);
});

test("health: parses a log's response and nothing else", () => {
  const well = {
    problems: [],
    storage: { full: false, kind: undefined, room: undefined },
    check: undefined,
    index: undefined,
    backup: undefined,
    erasures: { unfinished: undefined },
    clock: { state: "unknown", skew: undefined, witnesses: [] },
  };
  assert.deepEqual(
    parseHealth(
      '{"healthy":true,"origin":"o","size":3,"published":{"size":2,"at":"2026-11-20T06:00:00.000Z","witnessed":false}}',
    ),
    {
      healthy: true,
      origin: "o",
      size: 3,
      published: { size: 2, at: "2026-11-20T06:00:00.000Z", witnessed: false },
      ...well,
    },
  );
  const ill = {
    healthy: false,
    problems: [
      { part: "signing", code: "log.rollback", message: "m", hint: "h", critical: true },
      { part: "clock", code: "clock.jumped", message: "m", critical: false },
      { part: "network", code: "network.down", message: "m" },
    ],
    storage: { full: true, kind: "bucket", free: 5, total: 10 },
    check: { within: 86_400, percent: 40, at: "2026-11-20T06:00:00.000Z", problems: 1 },
    index: { indexed: 64, whole: false },
    backup: { at: "2026-11-20T06:00:00.000Z", size: 60 },
    erasures: { unfinished: 2 },
    clock: { state: "jumped", skew: 300, witnesses: { w1: 300, w2: "x" } },
  };
  assert.deepEqual(parseHealth(JSON.stringify(ill)), {
    ...ill,
    problems: [
      { part: "signing", code: "log.rollback", message: "m", hint: "h", isCritical: true },
      { part: "clock", code: "clock.jumped", message: "m", hint: undefined, isCritical: false },
      { part: "other", code: "network.down", message: "m", hint: undefined, isCritical: true },
    ],
    storage: { full: true, kind: "bucket", room: { free: 5, total: 10 } },
    index: { indexed: 64, isWhole: false },
    clock: { state: "jumped", skew: 300, witnesses: [["w1", 300]] },
    origin: undefined,
    size: undefined,
    published: undefined,
  });
  const odd = {
    problems: [{ code: 1 }, "x", { code: "a" }],
    storage: "full",
    check: { within: 1, percent: 101 },
    index: [],
    backup: { at: "yesterday", size: 1 },
    erasures: { unfinished: -1 },
    clock: { state: "x", witnesses: [1] },
  };
  assert.deepEqual(parseHealth(JSON.stringify({ healthy: true, ...odd })), {
    healthy: true,
    origin: undefined,
    size: undefined,
    published: undefined,
    ...well,
  });
  assert.deepEqual(parseHealth('{"healthy":false,"size":-1,"published":{"size":1e400,"at":"soon"}}'), {
    healthy: false,
    origin: undefined,
    size: undefined,
    published: undefined,
    ...well,
  });
  for (const text of ["", "null", "[]", "<html>", '{"healthy":"yes"}'])
    assert.equal(parseHealth(text), undefined, text);
});

test("address: names group and section, and keeps what the viewer wrote", () => {
  const query = 'actor:"u 1&=#"';
  const extent = { ...NO_CONDITIONS, limit: "10" };
  const hash = writeFragment("#tab=search&s.q=action%3Ajob.*&query=old", { tab: "search", extent, query });
  assert.match(hash, /^#group=events&tab=search&query=/);
  assert.deepEqual([readTab(hash), readExtent(hash), readQuery(hash)], ["search", extent, query]);
  assert.equal(new URLSearchParams(hash.slice(1)).get("s.q"), "action:job.*");
  // The query belongs to Search; what is loaded, to every section.
  assert.equal(
    writeFragment(hash, { tab: "keys", extent, query }),
    "#group=trust&tab=keys&limit=10&s.q=action%3Ajob.*",
  );
  const whole = writeFragment("", { tab: "overview", extent: NO_CONDITIONS, query: "" });
  assert.deepEqual([whole, readExtent(whole)], ["#tab=overview&limit=all", NO_CONDITIONS]);
  assert.equal(
    writeFragment("", { tab: "live", extent: DEFAULT_EXTENT, query: "" }),
    "#group=events&tab=live",
  );
  assert.equal(readExtent("#tab=live"), undefined);
});

test("address: earlier addresses lead to their sections", () => {
  for (const tab of TABS) assert.equal(readTab(`#tab=${tab}`), tab);
  assert.equal(readTab("#query=actor:u_1"), "search");
  assert.equal(readTab("#s.q=actor:u_1"), "search");
  assert.equal(readTab("#tab=search&from=5&to=9"), "search");
  assert.deepEqual(readExtent("#tab=search&from=5&to=9"), { ...NO_CONDITIONS, from: "5", to: "9" });
  assert.equal(readTab("#group=trust"), "coverage");
  assert.equal(readTab("#group=trust&tab=findings"), "findings");
  for (const hash of ["", "#group=constructor", "#tab=nothing", `#tab=live&x=${"y".repeat(9000)}`])
    assert.equal(readTab(hash), "overview", hash);
});

test("exportAddress: has the conditions that the log understands", () => {
  assert.equal(exportAddress(NO_CONDITIONS, 5), "export");
  assert.equal(
    exportAddress({ ...NO_CONDITIONS, query: "action:job.* since:-7d", limit: "9" }, 9),
    "export?query=action%3Ajob.*+since%3A-7d&limit=9&boundary=9",
  );
});

test("isToken: accepts one word that a header can contain", () => {
  assert.ok(isToken("ct_reader_Zm9v"));
  for (const text of ["", "two words", "é", "a\nb", "x".repeat(16_385)]) assert.ok(!isToken(text), text);
});
