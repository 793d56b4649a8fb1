/** Scenarios for a program that does nothing but record: it must end, and its counts must add up. */

import type { LogOptions, Recorder } from "countersign";

/** Number of events recorded while the log is down. */
export const RECORDED = 1_000;

/** The log to record into. */
export interface Place {
  readonly key: string;
  readonly url: string;
  readonly log: string;
}

/** The outcome of a recorder's events. */
export interface Accounts {
  readonly delivered: number;
  /** Rejected handles by error code. */
  readonly rejected: Readonly<Record<string, number>>;
  readonly dropped: number;
  readonly lost: number;
  readonly waiting: number;
  /** Number of calls of `onError` with dropped events. */
  readonly reported: number;
}

type Create = (options: LogOptions) => Recorder;

/** Awaits several events one after the other in an idle program. Returns how many were proven to be in the log. */
export async function oneAfterTheOther(createRecorder: Create, { key, url, log }: Place): Promise<number> {
  const audit = createRecorder({ key, to: url, log });
  let proven = 0;
  for (let n = 1; n <= 5; n++) {
    const { index } = await audit.record({ action: "chaos.event", metadata: { id: `alone.${n}` } }).delivered();
    proven += index === null ? 0 : 1;
  }
  await audit.close();
  return proven;
}

/** Records more events than fit while the log is down, which then comes back. */
export async function inFrontOfDeadLog(createRecorder: Create, { key, url, log }: Place): Promise<Accounts> {
  let isDown = true;
  let reported = 0;
  const audit = createRecorder({
    key,
    log,
    to: { url, fetch: (to, init) => (isDown ? Promise.reject(new Error("down")) : fetch(to, init)) },
    onFull: "drop",
    maxWaitingBytes: 100_000,
    retry: { initialDelayMs: 1, maxDelayMs: 10 },
    onError: ({ code }) => {
      reported += code === "recorder.full" ? 1 : 0;
    },
  });
  const handles = Array.from({ length: RECORDED }, (_, nth) =>
    audit.record({ action: "chaos.event", metadata: { id: `dead.${nth + 1}` } }),
  );
  const settled = Promise.allSettled(handles.map((handle) => handle.delivered()));
  await audit.flush().catch(() => {});
  isDown = false;
  await audit.close({ retryForMs: 20_000 });
  const rejected: Record<string, number> = {};
  let delivered = 0;
  for (const result of await settled) {
    if (result.status === "fulfilled") {
      delivered++;
    } else {
      rejected[result.reason.code] = (rejected[result.reason.code] ?? 0) + 1;
    }
  }
  const { dropped, lost, waiting } = audit.status();
  return { delivered, rejected, dropped, lost, waiting, reported };
}
