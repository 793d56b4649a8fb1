/** The functions that the test calls in the browser. The package is served as built, and found by an import map. */

import { createVerifier } from "countersign/slim";
import {
  CountersignError,
  type Mark,
  type Report,
  readStream,
  type VerifyOptions,
  verify,
  verifyLive,
} from "countersign/verify";
import { ReusedWorkers } from "../reused-workers.ts";

const workers = new ReusedWorkers(
  () => new Worker(import.meta.resolve("countersign/verify/worker"), { type: "module" }),
);
const kept = createVerifier({
  module: () => WebAssembly.compileStreaming(fetch(import.meta.resolve("countersign/verifier.wasm"))),
  worker: () => workers.take(),
});

/** Options in the form that the test sends. */
interface Options extends Pick<VerifyOptions, "trust" | "pins" | "threads"> {
  expect?: (Omit<NonNullable<VerifyOptions["expect"]>, "now"> & { now?: string }) | undefined;
}

function revived({ expect, ...options }: Options): VerifyOptions {
  if (expect === undefined) {
    return options;
  }
  const { now, ...others } = expect;
  return { ...options, expect: { ...others, now: now === undefined ? undefined : new Date(now) } };
}

const page = {
  /** Returns the reports of files on the server by URL, reusing workers. */
  async reports(files: { address: string; options: Options }[]): Promise<Report[]> {
    const reports = [];
    for (const { address, options } of files) {
      const { report } = await kept.verify(await fetch(address), revived(options));
      reports.push(report);
    }
    return reports;
  },

  /** Verifies with the package's own entry. */
  async verify(address: string, source: "blob" | "response" | "bytes", options: Options) {
    const response = await fetch(address);
    const given = { blob: () => response.blob(), response: () => response, bytes: () => response.bytes() };
    const lines: string[] = [];
    const { report } = await verify(await given[source](), {
      ...revived(options),
      onEvents: (batch) => void lines.push(...[...batch].map(({ json }) => json)),
    });
    return { report, lines };
  },

  /** Returns a file's marks and finding codes. */
  async told(address: string, options: Options) {
    const marks: Mark[] = [];
    const codes: string[] = [];
    await verify(await fetch(address), {
      ...revived(options),
      onMarks: (batch) => void marks.push(...batch),
      onFinding: ({ code }) => void codes.push(code),
    });
    return { marks, codes: codes.sort() };
  },

  /** Returns the verdicts of a stream that the server keeps open, until there are this many. */
  async live(address: string, trust: string, threads: 0 | 1, reports: number): Promise<string[]> {
    const verdicts: string[] = [];
    const enough = new AbortController();
    const lines = readStream(await fetch(address, { signal: enough.signal }));
    const onReport = ({ report }: { report: Report }) => {
      verdicts.push(report.verdict);
      if (verdicts.length < reports) {
        fetch("/next");
      } else {
        enough.abort(new Error("enough"));
      }
    };
    const ended = verifyLive(lines, { trust, threads, signal: enough.signal, onReport });
    return ended.then(
      () => verdicts,
      (error) => [...verdicts, error.message],
    );
  },

  /** Returns the outcome of a verification that is canceled after it began. */
  async canceled(address: string, threads: number): Promise<string> {
    const controller = new AbortController();
    const options = { threads, signal: controller.signal, onProgress: () => controller.abort(new Error("enough")) };
    const response = await fetch(address);
    return verify(response, options).then(
      () => "nothing came between",
      (error) => error.message,
    );
  },

  /** Returns the error code and hint of a verification. */
  async error(threads: number): Promise<{ code: string; hint: string | undefined } | undefined> {
    return verify(new Uint8Array(), { threads }).then(
      () => undefined,
      (error) => (error instanceof CountersignError ? { code: error.code, hint: error.hint } : Promise.reject(error)),
    );
  },
};

/** The functions exposed to `page.evaluate`. */
export type Page = typeof page;

Object.assign(globalThis, { verifyPage: page });
