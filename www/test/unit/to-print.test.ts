import assert from "node:assert/strict";
import { test } from "node:test";
import type { Viewer } from "@countersign/viewer/viewer.js";
import type { Filed } from "../../src/evidence/filed.ts";
import { linesOf } from "../../src/evidence/foot.ts";
import type { EvidencePanel } from "../../src/evidence/panel.ts";
import { evidenceTexts } from "../../src/evidence/texts.ts";
import { ToPrint } from "../../src/evidence/to-print.ts";

const ROW = { kind: "event", index: 3 };

/** A page's panel and viewer whose index answers when it is told to. */
function stage() {
  let answer: (rows: object[]) => void = () => {};
  const index = {
    rows: () => new Promise((resolve) => (answer = resolve as typeof answer)),
    indexes: async () => Float64Array.of(3),
  };
  const slicer = { sha256: async () => "ab" };
  const file = new File(["x"], "export.ndjson");
  const bench = {
    part: { session: { index }, file, sha256: "cd" },
    trust: undefined,
    pins: [],
    tools: () => ({ slicer: () => slicer }),
  };
  const typed = { reference: "R", examiner: "", sample: undefined, papers: { of: () => ({}) } };
  const panel = { bench, typed };
  const viewer = { searched: { query: "a", isBusy: false, problem: undefined as string | undefined } };
  const now = (paper: ToPrint) =>
    paper.now(panel as unknown as EvidencePanel, viewer as unknown as Viewer) ??
    assert.fail("nothing is printed");
  const gather = (paper: ToPrint) =>
    paper.gather(panel as unknown as EvidencePanel, viewer as unknown as Viewer);
  return { panel, viewer, now, gather, answer: () => answer([ROW]) };
}

test("events are printed only if they are those of the search at that moment", async () => {
  const { panel, viewer, now, gather, answer } = stage();
  const paper = new ToPrint("1.0.0");
  assert.equal(now(paper).events, undefined);
  const gathered = gather(paper).catch(() => {});
  assert.equal(now(paper).events, undefined);
  answer();
  await gathered;
  assert.deepEqual(now(paper).events, { rows: [ROW], count: 1 });
  // What is typed since then is printed all the same.
  panel.typed = { ...panel.typed, reference: "IR-2" };
  assert.deepEqual([now(paper).reference, now(paper).events?.count], ["IR-2", 1]);
  for (const searched of [
    { query: "b", isBusy: false, problem: undefined },
    { query: "a", isBusy: true, problem: undefined },
    { query: "a", isBusy: false, problem: "not a time" },
  ]) {
    viewer.searched = searched;
    assert.equal(now(paper).events, undefined, JSON.stringify(searched));
  }
  assert.deepEqual(now(paper).searched, { query: "a", state: "error", why: "not a time" });
});

test("of two searches the events of the newer one are printed, whichever is answered last", async () => {
  const { viewer, now, gather, answer } = stage();
  const paper = new ToPrint("1.0.0");
  const first = gather(paper).catch(() => {});
  const answerFirst = answer;
  viewer.searched = { query: "b", isBusy: true, problem: undefined };
  await gather(paper).catch(() => {});
  answerFirst();
  await first;
  viewer.searched = { query: "b", isBusy: false, problem: undefined };
  assert.equal(now(paper).events, undefined);
});

test("what others chose can't push a hash or the query off the foot, nor turn it", () => {
  const { now } = stage();
  const en = evidenceTexts("en");
  const printed = now(new ToPrint("1.0.0"));
  const file = { name: "\u202e".repeat(3) + "n".repeat(300), size: 7, sha256: "f0".repeat(32) };
  const searched = { query: `x\n${"q".repeat(5000)}`, state: "ready" as const };
  const trust = { name: "t\u0000.txt", sha256: "e1".repeat(32) };
  const lines = linesOf(
    { ...printed, searched, foot: { ...printed.foot, file, trust } },
    undefined,
    undefined,
    en,
  );
  assert.ok(
    lines.every((line) => line.length < 260 && !/[\u202e\p{Cc}]/u.test(line ?? "")),
    lines.join("\n"),
  );
  assert.ok(
    lines[0]?.includes("U+202E ×3") && lines[0]?.endsWith(`7 B · SHA-256 ${file.sha256}`),
    String(lines[0]),
  );
  assert.ok(lines.some((line) => line.includes("t\u2068") || line.includes("U+0000.txt")));
  assert.match(lines.at(-1) ?? "", /^Search: \u2068x qqq.*…\u2069$/);
  const frame = { file, query: null, slice: null };
  const filed = { name: "e.html", sha256: "aa", frame } as unknown as Filed;
  const own = linesOf({ ...printed, searched: { query: "", state: "ready" } }, filed, undefined, en);
  assert.equal(own.at(-1), "Query: all events");
});
