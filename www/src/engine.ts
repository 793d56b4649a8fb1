import * as inlined from "virtual:verifier";
import type { Report, Verification } from "countersign/verify";
import { createVerifier } from "countersign/verify/host";
import { EventStore } from "./events/store.ts";
import { unpack } from "./unpack.ts";

/** How far verifying is. */
export interface Progress {
  /** Bytes of the file that were taken in. */
  readonly bytes: number;
  /** The file's size. */
  readonly total: number;
  readonly events: number;
  /** Since it began. */
  readonly seconds: number;
}

/** What verifying gave. */
export interface Outcome {
  readonly report: Report;
  /** The checkpoint to keep for next time. */
  readonly pin: string | null;
  readonly events: EventStore;
}

/** What the reader brings. */
export interface Given {
  readonly trust: string | undefined;
  readonly pins: readonly string[];
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

/** Why there is no verdict. */
export interface Failure {
  readonly code: string | undefined;
  readonly message: string;
  readonly hint: string | undefined;
  readonly line: number | undefined;
}

/** Verifies a file in workers, and keeps the events that verify. */
export async function verify(file: File, { trust, pins, signal, onProgress }: Given): Promise<Outcome> {
  const begun = performance.now();
  const events = new EventStore();
  const worker = await workerAddress();
  signal.throwIfAborted();
  const { report, pin }: Verification = await verifier(worker).verify(file, {
    trust,
    pins,
    signal,
    // A worker moved them here: no memory is shared.
    onEvents: ({ bytes }) => events.add(bytes as Uint8Array<ArrayBuffer>),
    onProgress: ({ bytes, events }) =>
      onProgress({ bytes, total: file.size, events, seconds: (performance.now() - begun) / 1000 }),
  });
  events.settle();
  return { report, pin, events };
}

/** What can be told of an error. */
export function failure(error: unknown): Failure {
  const { code, message, hint, line } = error as Partial<Record<keyof Failure, unknown>>;
  const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
  return {
    code: text(code),
    message: text(message) ?? String(error),
    hint: text(hint),
    line: typeof line === "number" ? line : undefined,
  };
}

let made: ReturnType<typeof createVerifier> | undefined;

function verifier(worker: string): ReturnType<typeof createVerifier> {
  made ??= createVerifier({
    module: async () => WebAssembly.compile(await (await unpack(inlined.module)).arrayBuffer()),
    worker: () => new Worker(trusted(worker)),
  });
  return made;
}

let address: Promise<string> | undefined;

/** Workers are started from a blob of this page: a page on disk can load no other file. */
function workerAddress(): Promise<string> {
  address ??= unpack(inlined.worker).then((code) =>
    URL.createObjectURL(new Blob([code], { type: "text/javascript" })),
  );
  return address;
}

let policy: { createScriptURL(address: string): unknown } | undefined;

/** The page's policy lets no text become a script's address; this is the one exception. */
function trusted(worker: string): string {
  policy ??= window.trustedTypes?.createPolicy("countersign-worker", {
    createScriptURL: (address) => {
      if (address !== worker) throw new TypeError("not the verifier's own worker");
      return address;
    },
  });
  // Worker takes a TrustedScriptURL where there are any; the DOM's types know strings alone.
  return (policy?.createScriptURL(worker) ?? worker) as string;
}
