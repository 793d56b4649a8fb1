/** What the test calls in the browser. The package is served as it was built, and found by an import map. */

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
import { Kept } from "../kept.ts";

const workers = new Kept(() => new Worker(import.meta.resolve("countersign/verify/worker"), { type: "module" }));
const kept = createVerifier({
  module: () => WebAssembly.compileStreaming(fetch(import.meta.resolve("countersign/verifier.wasm"))),
  worker: () => workers.take(),
});

/** Options as they come from the test. */
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
  /** Reports of files that the server has, by their address, with workers that are kept. */
  async reports(files: { address: string; options: Options }[]): Promise<Report[]> {
    const reports = [];
    for (const { address, options } of files) {
      const { report } = await kept.verify(await fetch(address), revived(options));
      reports.push(report);
    }
    return reports;
  },

  /** What the package's own entry gives. */
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

  /** What is told of a file beside its events: marks, and the codes of findings. */
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

  /** The verdicts of a stream that the server holds open, until there were so many. */
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

  /** How a verification ends that is canceled when it has begun. */
  async canceled(address: string, threads: number): Promise<string> {
    const controller = new AbortController();
    const options = { threads, signal: controller.signal, onProgress: () => controller.abort(new Error("enough")) };
    const response = await fetch(address);
    return verify(response, options).then(
      () => "nothing came between",
      (error) => error.message,
    );
  },

  /** The error of a verification, by its code and hint. */
  async error(threads: number): Promise<{ code: string; hint: string | undefined } | undefined> {
    return verify(new Uint8Array(), { threads }).then(
      () => undefined,
      (error) => (error instanceof CountersignError ? { code: error.code, hint: error.hint } : Promise.reject(error)),
    );
  },
};

/** What `page.evaluate` finds. */
export type Page = typeof page;

Object.assign(globalThis, { verifyPage: page });
