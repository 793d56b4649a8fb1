import assert from "node:assert/strict";
import { test } from "node:test";
import type { Selection } from "@countersign/ui/viewer/search/selection.js";
import type { Filed } from "../../src/evidence/filed.ts";
import { linesOf } from "../../src/evidence/foot.ts";
import type { EvidencePanel } from "../../src/evidence/panel.ts";
import { PrintPreparation } from "../../src/evidence/print-preparation.ts";
import { en } from "../../src/texts/en.ts";

const ROW = { kind: "event", index: 3 };

const search = (query: string) => ({ session: undefined, turn: 1, query, boxQuery: query });
const counting = (query: string): Selection => ({ ...search(query), state: "counting", wait: "counting" });
const refused = (query: string): Selection => ({
  ...search(query),
  state: "error",
  refusal: { message: "not a time", hint: undefined, at: [0, 1] } as never,
});
const ready = (query: string, events = 1): Selection => ({
  ...search(query),
  state: "ready",
  events,
  of: 9,
  at: 0,
  isGrowing: false,
});

/** A page's panel and viewer, whose index responds on demand. */
function stage() {
  let answer: (rows: object[]) => void = () => {};
  const index = {
    rows: () => new Promise((resolve) => (answer = resolve as typeof answer)),
    row: async () => undefined,
    indexes: async () => Float64Array.of(3),
    count: async () => undefined,
    asksUntil: async () => undefined,
  };
  const slicer = { sha256: async () => "ab" };
  const file = new File(["x"], "export.ndjson");
  const context = {
    part: { session: { index }, file, sha256: "cd" },
    trust: undefined,
    pins: [],
    tools: () => ({ slicer: () => slicer }),
    now: (): Selection => viewer.selection,
  };
  const typed = { reference: "R", examiner: "", sample: undefined, papers: { of: () => ({}) } };
  const panel = { context, typed, readClaims: async () => undefined };
  const viewer = { selection: ready("a") };
  const now = (paper: PrintPreparation) =>
    paper.now(panel as unknown as EvidencePanel) ?? assert.fail("nothing is printed");
  const gather = (paper: PrintPreparation) => paper.gather(panel as unknown as EvidencePanel);
  return { panel, viewer, now, gather, answer: () => answer([ROW]) };
}

test("PrintPreparation: prints events only for the current search", async () => {
  const { panel, viewer, now, gather, answer } = stage();
  const paper = new PrintPreparation("1.0.0");
  assert.equal(now(paper).events, undefined);
  const gathered = gather(paper).catch(() => {});
  assert.equal(now(paper).events, undefined);
  answer();
  await gathered;
  assert.deepEqual(now(paper).events, {
    rows: [ROW],
    changes: new Map(),
    claims: undefined,
    outcomes: undefined,
    delays: { late: 0, longest: 0, future: 0, read: 1, isAll: true },
    outside: undefined,
    count: 1,
  });
  // Values typed since then are printed.
  panel.typed = { ...panel.typed, reference: "IR-2" };
  assert.deepEqual([now(paper).reference, now(paper).events?.count], ["IR-2", 1]);
  for (const selection of [ready("b"), counting("a"), refused("a")]) {
    viewer.selection = selection;
    assert.equal(now(paper).events, undefined, selection.state);
  }
  assert.deepEqual(now(paper).searched, {
    query: "a",
    state: "error",
    why: "not a time",
    phrases: undefined,
  });
});

test("PrintPreparation: prints no events if their number differs from the one shown", async () => {
  const { viewer, now, gather, answer } = stage();
  viewer.selection = ready("a", 2);
  const paper = new PrintPreparation("1.0.0");
  const gathered = gather(paper).catch(() => {});
  answer();
  await gathered;
  assert.equal(now(paper).events, undefined);
});

test("PrintPreparation: prints the events of the newer search, whichever is answered last", async () => {
  const { viewer, now, gather, answer } = stage();
  const paper = new PrintPreparation("1.0.0");
  const first = gather(paper).catch(() => {});
  const answerFirst = answer;
  viewer.selection = counting("b");
  await gather(paper).catch(() => {});
  answerFirst();
  await first;
  viewer.selection = ready("b");
  assert.equal(now(paper).events, undefined);
});

test("foot: untrusted text can't displace or reorder a hash or the query", () => {
  const { now } = stage();
  const printed = now(new PrintPreparation("1.0.0"));
  const file = { name: "\u202e".repeat(3) + "n".repeat(300), size: 7, sha256: "f0".repeat(32) };
  const searched = { query: `x\n${"q".repeat(5000)}`, state: "ready" as const };
  const trust = { name: "t\u0000.txt", sha256: "e1".repeat(32) };
  const lines = linesOf(
    { ...printed, searched, foot: { ...printed.foot, file, trust } },
    undefined,
    undefined,
    en.evidence,
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
  const frame = { file, query: null, slice: null, detections: null };
  const filed = { name: "e.html", sha256: "aa", frame } as unknown as Filed;
  const own = linesOf({ ...printed, searched: { query: "", state: "ready" } }, filed, undefined, en.evidence);
  assert.equal(own.at(-1), "Query: all events");
  const detections = { pack: { name: "pack\u202e", version: "3", hash: "q1w2=", rules: 7 } };
  const found = linesOf(
    { ...printed, searched: { query: "", state: "ready" } },
    { ...filed, frame: { ...frame, detections } } as unknown as Filed,
    undefined,
    en.evidence,
  );
  assert.equal(found.at(-1), "Rules: \u2068packU+202E 3\u2069 · SHA-256 \u2068q1w2=\u2069");
});
