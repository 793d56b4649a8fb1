/** What a recorder goes through, the same in every runtime: it records, flushes, waits, and is killed at any moment. */

import type { Handle, Recorder } from "countersign";
import type { Outbox } from "../../packages/countersign/dist/outbox/outbox.js";
import { createRecorder } from "../../packages/countersign/dist/record/record.js";
import { type Below, chance, choose } from "./chance.ts";

/** What one life of a recorder is to do. */
export interface Life {
  /** Its name: the first part of what its events are called. */
  readonly run: string;
  /** How many events it records, if it is let. */
  readonly events: number;
  readonly seed: number;
  /** The log server's address; `/kill` below it has this life ended. */
  readonly url: string;
  readonly log: string;
  readonly keys: readonly string[];
  /** After which event it asks to be killed. */
  readonly killAt?: number | undefined;
  /** How many bytes may wait, where events above that are to be dropped. */
  readonly maxWaitingBytes?: number | undefined;
}

/** What a runtime brings. */
export interface Means {
  /** The same outbox each time. */
  readonly outbox: () => Outbox;
  /** Says what happened, so that it is known after a kill. */
  readonly say: (line: string) => void;
}

/** How far the clock of this runtime, and so of its recorders, is behind. */
let behind = 0;
const now = Date.now;
Date.now = () => now() - behind;

/** How long a log server may take. It is a real one: this is enough for it on a busy machine, mostly. */
const TIMEOUT = 600;

/**
 * Lives once. It says `taken N`, `stored N`, `dropped N`, and `delivered N RECEIPT` of some; of each failure `failed
 * CODE`; and at the end `ended`.
 */
export async function live(life: Life, { outbox, say }: Means): Promise<void> {
  const { run, events, seed, url, log, keys, killAt, maxWaitingBytes } = life;
  const below = chance(seed);
  const [key = ""] = keys;
  behind = 0;
  const failed = (error: unknown) => say(`failed ${described(error)}`);
  const audit = await createRecorder({
    key,
    to: url,
    log,
    outbox: outbox(),
    timeoutMs: TIMEOUT,
    autoFlush: { maxEvents: 40, maxDelayMs: 20 },
    retry: { initialDelayMs: 20, maxDelayMs: 100 },
    onError: failed,
    ...(maxWaitingBytes === undefined ? {} : { maxWaitingBytes, onFull: "drop" }),
  }).ready();
  const flush = () => audit.flush().catch(failed);
  const record = (n: number) => {
    const handle = audit.record({
      action: "chaos.event",
      actor: { type: "service", id: run },
      metadata: { id: `${run}.${n}`, text: "é".repeat(below(60)) },
    });
    say(`taken ${n}`);
    follow(handle, n, say, below(20) === 0);
    return handle;
  };
  for (let n = 1; n <= events; ) {
    let last: Handle | undefined;
    for (let burst = 1 + below(36); burst > 0 && n <= events; burst--, n++) {
      if (n === killAt) {
        void fetch(`${url}/kill`).catch(() => {});
      }
      last = record(n);
    }
    switch (choose(NEXT, below)) {
      case "flush":
        await flush();
        break;
      case "two flushes":
        await Promise.all([flush(), flush()]);
        break;
      case "a flush that nobody waits for":
        void flush();
        break;
      case "a flush with retries":
        await audit.flush({ retryForMs: 1_000 }).catch(failed);
        break;
      case "stored":
        await last?.stored().catch(() => {});
        break;
      case "the clock":
        // Far back as well: what comes then has a chain of its own.
        behind = [0, 60_000, 900_000][below(3)] ?? 0;
        break;
      case "another key":
        await rotate(audit, keys, below).catch(failed);
        break;
      case "a moment":
        await new Promise((resolve) => setTimeout(resolve, below(8)));
        break;
      default:
    }
  }
  await untilDelivered(audit, failed);
  say(`ended ${audit.status().dead.length}`);
}

const NEXT = {
  flush: 30,
  "two flushes": 10,
  "a flush that nobody waits for": 10,
  "a flush with retries": 10,
  stored: 10,
  "the clock": 4,
  "another key": 1,
  "a moment": 20,
  nothing: 5,
};

async function rotate(audit: Recorder, keys: readonly string[], below: Below): Promise<void> {
  await audit.rotate(keys[below(keys.length)] ?? "");
}

function follow(handle: Handle, n: number, say: (line: string) => void, withReceipt: boolean): void {
  handle.stored().then(
    () => say(`stored ${n}`),
    ({ code }) => say(code === "recorder.full" ? `dropped ${n}` : `unstored ${n}`),
  );
  if (withReceipt) {
    handle.delivered().then(
      (receipt) => say(`delivered ${n} ${JSON.stringify(receipt)}`),
      ({ code }) => say(`undelivered ${n} ${code}`),
    );
  }
}

/** Its code, and where it is one that the network is not to blame for what it says. */
function described(error: unknown): string {
  const { code, message, cause } = error as { code?: string; message?: string; cause?: unknown };
  const stack = cause instanceof Error ? ` ${cause.stack}` : "";
  return `${code ?? "?"} ${code === "recorder.failed" ? `${message}${stack}` : ""}`.replaceAll("\n", " ");
}

/** Closes the recorder, however often that takes. */
export async function untilDelivered(audit: Recorder, failed: (error: unknown) => void): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await audit.close({ retryForMs: 2_000 });
      return;
    } catch (error) {
      failed(error);
      if (attempt === 20) {
        throw error;
      }
    }
  }
}
