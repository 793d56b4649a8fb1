/** Tests growing exports: the report after each checkpoint, and the handling of lines. */

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { createVerifier } from "countersign/slim";
import {
  CountersignError,
  type LiveOptions,
  readStream,
  type Verification,
  type VerifyOptions,
  verify,
  verifyLive,
} from "countersign/verify";
import { type Case, caseNamed } from "./cases.ts";
import { exportOf } from "./inputs.ts";

const BOTH = [0, 1] as const;
const WITH_CHECKPOINTS = [
  "log-two-chains",
  "large-whole",
  "large-range",
  "two-checkpoints-of-one-size",
  "tenant-two-heads",
  "tenant-anchor-after-a-head",
];

/** Returns the lines of a case, and the positions of its checkpoints or heads. */
function linesOf({ bytes }: Case): { lines: string[]; checkpoints: number[] } {
  const lines = new TextDecoder()
    .decode(bytes)
    .split("\n")
    .filter((line) => line.trim() !== "");
  const checkpoints = lines.flatMap((line, index) => (/^\{"(checkpoint|head)"/.test(line) ? [index + 1] : []));
  return { lines, checkpoints };
}

async function prefix(lines: readonly string[], options: VerifyOptions): Promise<Verification> {
  return verify(new TextEncoder().encode(`${lines.join("\n")}\n`), { ...options, threads: 0 });
}

/** Returns lines that wait for the report after each checkpoint, and collects reports. */
function steps(lines: readonly string[], checkpoints: readonly number[]) {
  const reports: Verification[] = [];
  let came = Promise.withResolvers<void>();
  const onReport = (verification: Verification) => {
    reports.push(verification);
    came.resolve();
  };
  const given = async function* () {
    for (const [index, line] of lines.entries()) {
      came = Promise.withResolvers();
      yield line;
      if (checkpoints.includes(index + 1)) {
        await came.promise;
      }
    }
  };
  return { reports, onReport, given: given() };
}

test("verifyLive: reports after each checkpoint as if the export ended there", async () => {
  for (const name of WITH_CHECKPOINTS) {
    const one = caseNamed(name);
    const { lines, checkpoints } = linesOf(one);
    assert.ok(checkpoints.length > 1, name);
    for (const threads of BOTH) {
      const { reports, onReport, given } = steps(lines, checkpoints);
      const last = await verifyLive(given, { ...one.options, threads, onReport });
      const expected = await Promise.all(checkpoints.map((end) => prefix(lines.slice(0, end), one.options)));
      assert.deepEqual(reports, expected, name);
      assert.deepEqual(last, await prefix(lines, one.options), name);
    }
  }
});

test("verifyLive: reports once for lines that arrive together, as of the last checkpoint", async () => {
  const one = caseNamed("large-whole");
  const { lines, checkpoints } = linesOf(one);
  const leaf = lines.find((line) => line.startsWith('{"link"')) ?? assert.fail();
  for (const threads of BOTH) {
    const reports: Verification[] = [];
    const came = Promise.withResolvers<void>();
    const given = async function* () {
      // No time passes between them, so there is one report.
      yield* [...lines, leaf];
      await came.promise;
    };
    const onReport = (verification: Verification) => {
      reports.push(verification);
      came.resolve();
    };
    const last = await verifyLive(given(), { ...one.options, threads, onReport });
    assert.deepEqual(reports, [await prefix(lines.slice(0, checkpoints.at(-1)), one.options)]);
    assert.deepEqual(last, await prefix([...lines, leaf], one.options));
  }
});

test("verifyLive: passes on events, marks, and findings before the report that counts them", async () => {
  const one = caseNamed("log-flip-event");
  const { lines, checkpoints } = linesOf(one);
  for (const threads of BOTH) {
    let events = 0;
    let marks = 0;
    let errors = 0;
    const { onReport, given } = steps(lines, checkpoints);
    const seen: number[][] = [];
    const options: LiveOptions = {
      ...one.options,
      threads,
      onEvents: async (batch) => {
        await new Promise((resolve) => setImmediate(resolve));
        events += batch.length;
      },
      onMarks: (batch) => {
        marks += batch.filter(({ kind }) => kind === "checkpoint").length;
      },
      onFinding: ({ severity }) => {
        errors += Number(severity === "error");
      },
      onReport: (verification) => {
        const { counts, checks } = verification.report;
        assert.equal(verification.report.verdict, "altered");
        assert.equal(marks, counts.checkpoints);
        assert.equal(errors, checks.payloads.failed);
        seen.push([events, counts.events - 1]);
        onReport(verification);
      },
    };
    await verifyLive(given, options);
    assert.equal(seen.length, checkpoints.length);
    // The altered event doesn't verify, and all others before the last checkpoint are covered by signatures.
    assert.deepEqual(seen.at(-1)?.[0], seen.at(-1)?.[1]);
  }
});

test("verifyLive: accepts bytes, lines without ends, and long or many lines", async () => {
  const { bytes, trust, events } = exportOf({
    chains: 2,
    events: 3000,
    eventAt: (seq) => `{"a":"${"x".repeat(seq)}"}`,
  });
  const lines = new TextDecoder().decode(bytes).trimEnd().split("\n");
  const given = async function* () {
    for (const [index, line] of lines.entries()) {
      const text = index % 3 === 0 ? line : `${line}\n`;
      yield index % 2 === 0 ? text : new TextEncoder().encode(text);
    }
  };
  for (const threads of BOTH) {
    let shown = 0;
    const onEvents = (batch: { length: number }) => {
      shown += batch.length;
    };
    const options = { trust, threads, onEvents, onReport: () => assert.fail("there is no checkpoint") };
    assert.deepEqual(await verifyLive(given(), options), await verify(bytes.slice(), { trust, threads: 0 }));
    assert.equal(shown, events.length);
  }
});

test("verifyLive: measures an age at each report, or at `now`", async (context) => {
  const one = caseNamed("expected-age-old");
  const { lines, checkpoints } = linesOf(one);
  const { log } = (await prefix(lines, one.options)).report;
  const seen = Date.parse(log?.time ?? assert.fail("the report has no time"));
  const later = seen + 24 * 3_600_000;
  context.mock.timers.enable({ apis: ["Date"], now: seen });
  for (const [clock, moment, failed] of [
    [seen, undefined, 0],
    [seen + 60_500, undefined, 0],
    [seen + 60_501, undefined, 1],
    [later, undefined, 1],
    [later, seen, 0],
    [later, seen + 60_500, 0],
    [seen, seen + 60_501, 1],
    [seen, later, 1],
  ] as const) {
    // The clock differs when verification begins.
    context.mock.timers.setTime(moment ?? 0);
    const { reports, onReport, given } = steps(lines, checkpoints);
    const now = moment === undefined ? undefined : new Date(moment);
    const options = { ...one.options, expect: { maxAgeMs: 60_500, now }, threads: 0, onReport } as const;
    const verification = verifyLive(given, options);
    context.mock.timers.setTime(clock);
    const { report } = await verification;
    assert.equal(reports.at(-1)?.report.checks.expected.failed, failed);
    assert.equal(report.checks.expected.failed, failed);
  }
});

test("verifyLive: stops on a signal, and ends the lines", async () => {
  for (const threads of BOTH) {
    const reason = new Error("enough");
    const controller = new AbortController();
    let isCanceled = false;
    const stream = new ReadableStream<Uint8Array>({
      start(stream) {
        stream.enqueue(new TextEncoder().encode('data: {"countersign":"export/v1","origin":"log.example/audit"}\n\n'));
      },
      cancel() {
        isCanceled = true;
      },
    });
    const options: LiveOptions = {
      threads,
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
      onReport() {},
    };
    await assert.rejects(verifyLive(readStream(stream), options), reason);
    assert.ok(isCanceled);
    await assert.rejects(verifyLive(readStream(new ReadableStream()), { ...options }), reason);
  }
});

test("verifyLive: errors in lines and callbacks end it", async () => {
  const one = caseNamed("log-two-chains");
  const { lines } = linesOf(one);
  const cause = new Error("lost");
  const lost = async function* () {
    yield* lines;
    throw cause;
  };
  const odd = async function* () {
    yield* lines;
    yield 1 as unknown as string;
  };
  for (const threads of BOTH) {
    const options = { ...one.options, threads, onReport() {} };
    await assert.rejects(
      verifyLive(lost(), options),
      (error) => error instanceof CountersignError && error.code === "source.unreadable" && error.cause === cause,
    );
    await assert.rejects(verifyLive(odd(), options), { code: "source.invalid" });
    const endless = async function* () {
      yield* lines;
      await new Promise(() => {});
    };
    const onReport = () => {
      throw cause;
    };
    await assert.rejects(verifyLive(endless(), { ...options, onReport }), cause);
  }
});

test("verifyLive: runs inline without workers", async () => {
  const one = caseNamed("log-two-chains");
  const { lines, checkpoints } = linesOf(one);
  const wasm = await readFile(fileURLToPath(import.meta.resolve("countersign/verifier.wasm")));
  const inline = createVerifier({ module: await WebAssembly.compile(wasm) });
  const { reports, onReport, given } = steps(lines, checkpoints);
  const { report } = await inline.verifyLive(given, { ...one.options, onReport });
  assert.equal(report.verdict, "verified");
  assert.equal(reports.length, checkpoints.length);
});
