/** Tests marks and findings that are reported during verification. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { createVerifier } from "countersign/slim";
import { type Finding, type Mark, type VerifyOptions, verify as verifyAnew } from "countersign/verify";
import script from "../../packages/countersign/dist/inlined/worker.node.js";
import { thread } from "../../packages/countersign/dist/verify/thread.node.js";
import { caseNamed, cases } from "./cases.ts";
import { exportOf } from "./inputs.ts";
import { ReusedWorkers } from "./reused-workers.ts";

const module = fileURLToPath(import.meta.resolve("countersign/verifier.wasm"));
const workers = new ReusedWorkers(() => thread(script));
after(() => workers.end());
const { verify } = createVerifier({
  module: async () => WebAssembly.compile(await readFile(module)),
  worker: () => workers.take(),
});

const ALL_THREADS = [0, 1, 3];

async function tell(bytes: Uint8Array<ArrayBuffer>, options: VerifyOptions) {
  const marks: Mark[] = [];
  const findings: Finding[] = [];
  const { report } = await verify(bytes, {
    ...options,
    onMarks: (batch) => void marks.push(...batch),
    onFinding: (finding) => void findings.push(finding),
  });
  return { report, marks, findings };
}

function sorted(findings: readonly Finding[]): string[] {
  return findings.map((finding) => JSON.stringify(finding)).sort();
}

test("onMarks: every case has the same marks with any number of threads", async () => {
  for (const { name, bytes, options } of cases) {
    const [first, ...others] = await Promise.all(
      ALL_THREADS.map((threads) => tell(bytes.slice(), { ...options, threads })),
    );
    assert.ok(first);
    const all = sorted(first.report.findings);
    for (const { marks, findings, report } of [first, ...others]) {
      assert.deepEqual(marks, first.marks, name);
      assert.deepEqual(sorted(findings).slice(0, 300), all.slice(0, 300), name);
      assert.equal(marks.filter(({ kind }) => kind === "checkpoint").length, report.counts.checkpoints, name);
    }
  }
});

test("onMarks: a mark shows the results of the checks", async () => {
  const { bytes, options } = caseNamed("log-two-chains");
  const { marks } = await tell(bytes, options);
  const of = (kind: Mark["kind"]) => marks.filter((mark) => mark.kind === kind);
  assert.deepEqual(of("open")[0], {
    kind: "open",
    line: 4,
    index: 2,
    chain: "dbfd62576c9c2db930688a2dea5009b1",
    seq: 0,
    time: "2026-11-20T06:00:10.000Z",
    vkey: "example.com/dashboard/a+5cc3cc17+ARKQ0LTY0m1rWonUx15NKdqmwWB3bxPoKAY2v1Cq9ys5",
    authorized: true,
  });
  assert.deepEqual(of("note")[1], {
    kind: "note",
    line: 3,
    index: 1,
    acts: true,
    statements: [
      {
        kind: "grant",
        vkey: "example.com/dashboard/a+5cc3cc17+ARKQ0LTY0m1rWonUx15NKdqmwWB3bxPoKAY2v1Cq9ys5",
        from: "2026-11-20T06:00:00.000Z",
        until: "2026-11-21T06:00:00.000Z",
      },
      {
        kind: "grant",
        vkey: "example.com/dashboard/b+6e6e358c+AVzl3WhC/jb9qd7QbzM/pSUPF830okbRhcUprMWXW5Va",
        from: "2026-11-20T06:00:00.000Z",
        until: "2026-11-21T06:00:00.000Z",
      },
    ],
    signers: ["example.com/dashboard+196efe3d+AQnBCc6JqBU//9ezflo2aXxwCL5xBHH60n/2TKtOD009"],
  });
  assert.deepEqual(of("checkpoint")[1], {
    kind: "checkpoint",
    line: 18,
    origin: "log.example/audit",
    size: 15,
    root: "HpQxLmBSgSpRXEAqbnQ4ks5t/0Dj7bKZVX6n9Uw9pko=",
    matches: true,
    signatures: [{ name: "log.example/audit", id: "8e3e8e37", by: "log", valid: true, time: null }],
    existed: null,
    seen: null,
  });
});

test("onMarks: includes witnesses, revocations, omitted entries, and reasons", async () => {
  const all = new Map<string, Mark[]>();
  for (const { name, bytes, options } of cases) {
    all.set(name, (await tell(bytes, { ...options, threads: 0 })).marks);
  }
  const marks = [...all.values()].flat();
  const signatures = marks.flatMap((mark) => (mark.kind === "checkpoint" ? mark.signatures : []));
  assert.ok(signatures.some(({ by, valid, time }) => by === "witness" && valid && time?.endsWith("Z")));
  assert.ok(signatures.some(({ by, valid, time }) => by === "witness" && valid === false && time === null));
  assert.ok(signatures.some(({ by, valid, time }) => by === "unknown" && valid === null && time === null));
  assert.ok(marks.some((mark) => mark.kind === "checkpoint" && mark.existed !== null && mark.seen !== null));
  assert.ok(marks.some((mark) => mark.kind === "skip" && mark.entries > 1));
  assert.ok(marks.some((mark) => mark.kind === "entry"));
  const statements = marks.flatMap((mark) => (mark.kind === "note" ? mark.statements : []));
  assert.ok(statements.some((statement) => statement.kind === "revoke" && statement.since !== null));
  assert.ok(statements.some((statement) => statement.kind === "revoke" && statement.since === null));
  const reasons = new Set(marks.flatMap((mark) => (mark.kind === "withheld" ? [mark.why] : [])));
  assert.deepEqual(reasons, new Set(["erased", "redacted", "filtered", null]));
});

/** Returns two chains of withheld events that only the close links sign. */
function withheld(events: number) {
  const { bytes, trust } = exportOf({ chains: 2, events, eventAt: () => "{}", signEvery: Number.POSITIVE_INFINITY });
  const text = new TextDecoder().decode(bytes);
  const bare = text.replaceAll(/,"salt":"[^"]*","event":\{\}/g, ',"withheld":"filtered"');
  return { bytes: new TextEncoder().encode(bare), trust };
}

test("onMarks: delivers many marks in consecutive batches", async () => {
  const events = 15_000;
  const { bytes, trust } = withheld(events);
  for (const threads of ALL_THREADS) {
    const lines = new Set<number>();
    let batches = 0;
    let isBusy = false;
    const onMarks = async (marks: readonly Mark[]) => {
      assert.ok(!isBusy, "the previous batch was not processed");
      isBusy = true;
      batches += 1;
      assert.ok(marks.length <= 4096);
      for (const mark of marks) {
        lines.add(mark.line);
        assert.ok(trust.includes("vkey" in mark ? mark.vkey : "no key"));
      }
      await new Promise((resolve) => setImmediate(resolve));
      isBusy = false;
    };
    const { report } = await verify(bytes.slice(), { trust, threads, onMarks });
    assert.equal(report.counts.withheld, 2 * events);
    assert.equal(lines.size, 2 * (events + 2));
    assert.ok(batches >= (2 * events) / 4096);
  }
});

test("onFinding: is called while the export is being read", async () => {
  const { bytes, trust } = exportOf({ chains: 1, events: 2000 });
  bytes.set([0x78], new TextDecoder().decode(bytes).indexOf('"seq":3}') + 6);
  for (const threads of ALL_THREADS) {
    const told = Promise.withResolvers<Finding>();
    let isRead = false;
    const pieces = async function* () {
      yield bytes.slice();
      // The export need not end. Blank lines allow splitting it into segments.
      for (let piece = 0; piece < 64; piece++) {
        yield new TextEncoder().encode("\n".repeat(64 << 10));
      }
      const finding = await told.promise;
      assert.equal(finding.severity, "error");
      isRead = true;
    };
    await verify(pieces(), { trust, threads, onFinding: told.resolve });
    assert.ok(isRead);
  }
});

test("onMarks and onFinding: errors end the verification", async () => {
  const error = new Error("not my day");
  const fail = () => {
    throw error;
  };
  const { bytes, options } = caseNamed("log-flip-event");
  for (const threads of ALL_THREADS) {
    await assert.rejects(verifyAnew(bytes, { ...options, threads, onMarks: fail }), error);
    await assert.rejects(verifyAnew(bytes, { ...options, threads, onMarks: () => Promise.reject(error) }), error);
    await assert.rejects(verifyAnew(bytes, { ...options, threads, onFinding: fail }), error);
  }
});
