import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { createVerifier, type WorkerLike } from "countersign/slim";
import { CountersignError, type Progress, type VerifyOptions, verify } from "countersign/verify";
import { caseNamed } from "./cases.ts";
import { exportOf, inPieces } from "./inputs.ts";

/** An export of several segments. */
const large = exportOf({ chains: 4, events: 2000 });
const ALL_THREADS = [0, 1, 2, 3];

test("verify: long exports have one report with any number of threads", async () => {
  const damaged = large.bytes.slice();
  for (const part of [0.1, 0.35, 0.36, 0.7, 0.99]) {
    const at = Math.floor(damaged.length * part);
    damaged[at] = (damaged[at] ?? 0) ^ 1;
  }
  for (const bytes of [large.bytes, damaged, gzipSync(large.bytes)]) {
    const reports = [];
    for (const threads of ALL_THREADS) {
      reports.push((await verify(bytes, { trust: large.trust, threads })).report);
    }
    const [first, ...others] = reports;
    assert.equal(first?.verdict, bytes === damaged ? "altered" : "verified");
    for (const report of others) {
      assert.deepEqual(report, first);
    }
  }
});

test("verify: returns a pin that counts the next time", async () => {
  const { bytes, options } = caseNamed("log-two-chains");
  for (const threads of ALL_THREADS) {
    const { pin } = await verify(bytes, { ...options, threads });
    assert.equal(typeof pin, "string");
    const { report } = await verify(bytes, { ...options, pins: [pin ?? ""], threads });
    assert.equal(report.checks.append_only.state, "pass");
    assert.equal((await verify(large.bytes, { threads })).pin, null);
  }
});

test("onEvents: passes on each event once, unchanged, when a signature covers it", async () => {
  for (const threads of ALL_THREADS) {
    const found: string[] = [];
    let last = 0;
    await verify(large.bytes, {
      trust: large.trust,
      threads,
      onEvents(batch) {
        for (const event of batch) {
          found.push(event.json);
          last = event.line;
          assert.ok(event.authorized);
          assert.ok(large.trust.includes(event.vkey));
          assert.deepEqual(event.parse(), JSON.parse(event.json));
          assert.deepEqual(event.parse().seq, event.seq);
          assert.equal(event.index, event.line - 2);
          assert.equal(event.time, new Date(Date.UTC(2026, 0, 2, 3, 4, 5) + event.seq).toISOString());
        }
        assert.equal([...batch].length, batch.length);
        assert.equal(batch.at(batch.length - 1)?.line, last);
        assert.equal(batch.at(batch.length), undefined);
        assert.equal(batch.text.split("\n").length, batch.length + 1);
      },
    });
    assert.deepEqual(found.sort(), large.events.toSorted());
  }
});

test("onEvents: shows no unverified events", async () => {
  const text = new TextDecoder().decode(large.bytes);
  // An event of the first chain, which has a link in every four lines after the header.
  const altered = new TextEncoder().encode(text.replace('"seq":70}', '"seq":71}'));
  for (const threads of ALL_THREADS) {
    const shown: string[] = [];
    const options = { trust: large.trust, threads };
    const { report } = await verify(altered, { ...options, onEvents: (batch) => void shown.push(batch.text) });
    assert.equal(report.finding_counts["payload.mismatch"], 1);
    assert.equal(shown.join("").split("\n").length - 1, large.events.length - 1);
    assert.ok(!shown.join("").includes('"line":282,'));
  }
});

test("onEvents: keeps numbers and names readable that JavaScript would change", async () => {
  const eventAt = () => '{"__proto__":{"x":1},"a,\\"event\\":":"b","n":1e+21}';
  const { bytes, trust } = exportOf({ chains: 1, events: 2, eventAt });
  const shown: string[] = [];
  await verify(bytes, { trust, onEvents: (batch) => void shown.push(...[...batch].map(({ json }) => json)) });
  assert.deepEqual(shown, [eventAt(), eventAt()]);
});

test("onProgress: counts up to the total", async () => {
  for (const threads of ALL_THREADS) {
    for (const [source, total] of [
      [large.bytes, large.bytes.length],
      [inPieces(large.bytes, 10_000), undefined],
    ] as const) {
      const reported: Progress[] = [];
      await verify(source, { threads, onProgress: (progress) => void reported.push(progress) });
      assert.ok(reported.every((progress) => progress.total === total));
      const { lines, events, bytes } = reported.at(-1) ?? assert.fail("no progress was reported");
      assert.equal(bytes, large.bytes.length);
      assert.equal(lines, 1 + 4 * 2002);
      assert.equal(events, large.events.length);
      assert.deepEqual(
        reported,
        reported.toSorted((a, b) => a.bytes - b.bytes),
      );
    }
  }
});

test("signal: stops with the signal's reason", async () => {
  for (const threads of ALL_THREADS) {
    const reason = new Error("enough");
    await assert.rejects(verify(large.bytes, { threads, signal: AbortSignal.abort(reason) }), reason);

    const controller = new AbortController();
    let canceled: unknown;
    const endless = new ReadableStream<Uint8Array>({
      pull: (stream) => stream.enqueue(large.bytes.subarray(0, 100_000)),
      cancel: (why) => {
        canceled = why;
      },
    });
    const onProgress = ({ bytes }: Progress) => bytes > 1_000_000 && controller.abort(reason);
    await assert.rejects(verify(endless, { threads, signal: controller.signal, onProgress }), reason);
    assert.equal(canceled, reason);

    const silent = new AbortController();
    const never = new ReadableStream<Uint8Array>({ pull: () => silent.abort(reason) }, { highWaterMark: 0 });
    await assert.rejects(verify(never, { threads, signal: silent.signal }), reason);
  }
});

test("signal: no callback is called afterwards", async () => {
  for (const threads of ALL_THREADS) {
    const controller = new AbortController();
    let told = 0;
    const onEvents = async () => {
      told += 1;
      controller.abort();
    };
    const options = { trust: large.trust, threads, signal: controller.signal, onEvents };
    await assert.rejects(verify(large.bytes, options), { name: "AbortError" });
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(told, 1);
  }
});

test("callbacks: an error ends the verification", async () => {
  const error = new Error("not my day");
  const fail = () => {
    throw error;
  };
  for (const threads of ALL_THREADS) {
    await assert.rejects(verify(large.bytes, { threads, onProgress: fail }), error);
    await assert.rejects(verify(large.bytes, { threads, onEvents: fail }), error);
    await assert.rejects(verify(large.bytes, { threads, onEvents: () => Promise.reject(error) }), error);
  }
});

test("options: invalid options are rejected by name", async () => {
  const refused: [object, string, string | undefined, number?][] = [
    [{ trust: 1 }, "options.invalid", "trust"],
    [{ trust: "log \ud800" }, "options.invalid", "trust"],
    [{ trust: "log x\n\nwhat is this\n" }, "trust.invalid", undefined, 1],
    [{ trust: "\n\nwhat is this\n" }, "trust.invalid", undefined, 3],
    [{ pins: "x" }, "options.invalid", "pins"],
    [{ pins: ["x"] }, "checkpoint.invalid", undefined],
    [{ threads: -1 }, "options.invalid", "threads"],
    [{ threads: 1.5 }, "options.invalid", "threads"],
    [{ threads: 65 }, "options.invalid", "threads"],
    [{ expect: { range: [2, 2] } }, "options.invalid", "expect.range"],
    [{ expect: { range: [0, 2 ** 53] } }, "options.invalid", "expect.range"],
    [{ expect: { range: [1] } }, "options.invalid", "expect.range"],
    [{ expect: { origin: 1 } }, "options.invalid", "expect.origin"],
    [{ expect: { maxAgeMs: -1 } }, "options.invalid", "expect.maxAgeMs"],
    [{ expect: { maxAgeMs: 1_000, now: new Date(Number.NaN) } }, "options.invalid", "expect.now"],
    [{ expect: { maxAgeMs: 1_000, now: "now" } }, "options.invalid", "expect.now"],
    [{ expect: { maxAgeMs: 1_000, now: new Date(8.64e15) } }, "time.invalid", "now"],
  ];
  for (const [options, code, member, line] of refused) {
    for (const threads of [0, 1, 2]) {
      await assert.rejects(
        verify(large.bytes, { threads, ...options } as VerifyOptions),
        (error) =>
          error instanceof CountersignError &&
          error.code === code &&
          error.member === member &&
          (error.code !== "options.invalid" || error.hint !== undefined) &&
          (line === undefined || error.line === line),
        JSON.stringify(options),
      );
    }
  }
});

test("WebAssembly that doesn't load is an error with the cause, and is retried", async () => {
  let tries = 0;
  const { verify } = createVerifier({
    module: async () => {
      tries += 1;
      throw new Error("blocked");
    },
  });
  for (const _ of [1, 2]) {
    await assert.rejects(
      verify(large.bytes),
      (error) =>
        error instanceof CountersignError &&
        error.code === "wasm.unavailable" &&
        error.message.endsWith(": blocked") &&
        error.hint === undefined,
    );
  }
  assert.equal(tries, 2);
});

test("verify: runs inline without workers", async () => {
  const wasm = await readFile(fileURLToPath(import.meta.resolve("countersign/verifier.wasm")));
  const { verify } = createVerifier({ module: await WebAssembly.compile(wasm) });
  const { report } = await verify(large.bytes, { trust: large.trust, threads: 2 });
  assert.equal(report.verdict, "verified");
});

test("verify: yields inline although setImmediate throws", async (t) => {
  const wasm = await readFile(fileURLToPath(import.meta.resolve("countersign/verifier.wasm")));
  const { verify } = createVerifier({ module: await WebAssembly.compile(wasm) });
  let now = 0;
  t.mock.method(performance, "now", () => {
    now += 1000;
    return now;
  });
  const immediate = t.mock.method(globalThis, "setImmediate", () => {
    throw new Error("not supported in the Edge Runtime");
  });
  const { report } = await verify(large.bytes, { trust: large.trust });
  assert.equal(report.verdict, "verified");
  assert.ok(immediate.mock.callCount() > 0);
});

/** A worker that only responds on request. */
function deafWorker(): WorkerLike & { terminated: boolean } {
  return {
    terminated: false,
    postMessage() {},
    terminate() {
      this.terminated = true;
    },
    onmessage: null,
    onerror: null,
    onmessageerror: null,
  };
}

const EMPTY_MODULE = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));

test("workers that don't start are an error with a hint, and all are ended", async () => {
  const started: ReturnType<typeof deafWorker>[] = [];
  const ways: (() => WorkerLike)[] = [
    () => {
      throw new Error("blocked");
    },
    () => {
      const worker = deafWorker();
      started.push(worker);
      setTimeout(() => worker.onerror?.({}));
      return worker;
    },
  ];
  for (const worker of ways) {
    const { verify } = createVerifier({ module: EMPTY_MODULE, worker });
    await assert.rejects(
      verify(large.bytes, { threads: 2 }),
      (error) =>
        error instanceof CountersignError &&
        error.code === "worker.unavailable" &&
        /`threads` to 0/.test(error.hint ?? ""),
    );
  }
  assert.equal(started.length, 3);
  assert.ok(started.every(({ terminated }) => terminated));
});

test("workers that don't start are replaced by inline work, unless threads are set", async (t) => {
  const warn = t.mock.method(console, "warn", () => {});
  const wasm = await readFile(fileURLToPath(import.meta.resolve("countersign/verifier.wasm")));
  let starts = 0;
  const { verify } = createVerifier({
    module: await WebAssembly.compile(wasm),
    worker: () => {
      starts += 1;
      const worker = deafWorker();
      setTimeout(() => worker.onerror?.({}));
      return worker;
    },
  });
  for (const _ of [1, 2]) {
    const { report } = await verify(large.bytes, { trust: large.trust });
    assert.equal(report.verdict, "verified");
  }
  const before = starts;
  await assert.rejects(verify(large.bytes, { trust: large.trust, threads: 1 }), { code: "worker.unavailable" });
  assert.deepEqual([starts - before, warn.mock.callCount()], [1, 1]);
  assert.match(String(warn.mock.calls[0]?.arguments[0]), /without workers/);
});

test("a worker that fails later is an error with a hint", async () => {
  const { verify } = createVerifier({
    module: EMPTY_MODULE,
    worker: () => {
      const worker = deafWorker();
      // It responds to the first call, `begin`, and to nothing else.
      worker.postMessage = (message) => {
        const { id, method } = message as { id: number; method: string };
        if (method === "begin") {
          setTimeout(() => {
            worker.onmessage?.({ data: { id } } as MessageEvent);
            setTimeout(() => worker.onerror?.({ message: "out of memory" }));
          });
        }
      };
      return worker;
    },
  });
  await assert.rejects(
    verify(large.bytes, { threads: 1 }),
    (error) =>
      error instanceof CountersignError && error.code === "worker.failed" && /out of memory/.test(error.message),
  );
});

test("workers denied by Node.js's permissions: the hint names the option", () => {
  const program = `import { verify } from ${JSON.stringify(import.meta.resolve("countersign/verify"))};
    await verify(new Uint8Array(), { threads: 2 }).catch(({ code, hint }) => console.log(code, hint));`;
  const denied = ["--permission", "--allow-fs-read=*", "--input-type=module", "--eval", program];
  const output = execFileSync(process.execPath, denied, { encoding: "utf8" });
  assert.equal(
    output,
    "worker.unavailable run Node.js with --allow-worker; or set `threads` to 0 to verify without workers\n",
  );
});
