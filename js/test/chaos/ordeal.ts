/** The setting of a runtime's test: a log of its own behind a failing proxy, and the checks at the end. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { serve } from "../conformance/serve.ts";
import { EMITTERS, LOG, SETUP } from "../conformance/setup.ts";
import { Book } from "./book.ts";
import { FailingProxy } from "./proxy.ts";
import type { Life } from "./scenario.ts";

/** Approximate number of events per runtime; kills reduce it, more so on a busy machine. */
export const EVENTS = Number(process.env.CHAOS_EVENTS ?? 5_000);
/** Factor by which a run records more than its share, to make up for kills. */
export const MORE = 1.06;
/** Minimum share of the events that must be left for the test to be meaningful. */
const MIN_SHARE = 0.75;
/** Number of times that each runtime goes through its ends, with 30 kills per round for all of them. */
export const ROUNDS = Number(process.env.CHAOS_ROUNDS ?? 3);
/** Runs with the same seed fail in the same ways. */
export const SEED = Number(process.env.CHAOS_SEED ?? 20_261_120);

/**
 * The end of a run: by itself, by a kill on request, or by a kill before or after the log server receives a submission.
 */
export type End = "itself" | "asks" | "before" | "after";

export class Ordeal {
  readonly name: string;
  readonly folder: string;
  readonly book = new Book();
  readonly proxy: FailingProxy;

  private constructor(name: string, proxy: FailingProxy) {
    this.name = name;
    this.folder = mkdtempSync(join(tmpdir(), `countersign-chaos-${name}-`));
    this.proxy = proxy;
  }

  /** Runs `work` with a log, and then compares everything reported with the log. */
  static async run(name: string, t: TestContext, work: (ordeal: Ordeal) => Promise<void>): Promise<void> {
    t.diagnostic(`CHAOS_SEED=${SEED}`);
    const log = await serve.start(SETUP);
    const ordeal = new Ordeal(name, await new FailingProxy(log.url, SEED).start());
    try {
      await work(ordeal);
      const { book, proxy } = ordeal;
      const { events, found } = await book.check(log.url);
      t.diagnostic(`${found}; ${proxy.submissions} submissions: ${proxy.summary}`);
      assert.ok(events >= EVENTS * MIN_SHARE, `only ${events} events`);
    } finally {
      ordeal.proxy.close();
      await log.close();
      rmSync(ordeal.folder, { recursive: true, force: true });
    }
  }

  /** Returns a run of a sender with about this many events, and the time at which the proxy kills it. */
  life(sender: string, run: string, events: number, end: End): { life: Life; at?: { left: number; after: boolean } } {
    const common = {
      run,
      seed: SEED + [...run].reduce((sum, letter) => sum * 31 + letter.charCodeAt(0), 0),
      url: this.proxy.url(sender),
      log: LOG.vkey,
      keys: EMITTERS.map(({ secret }) => secret),
    };
    if (end === "itself") {
      return { life: { ...common, events, maxWaitingBytes: 180_000 } };
    }
    // Also requests a kill, in case there are too few submissions.
    const life = { ...common, events: events * 2, killAt: events };
    return end === "asks" ? { life } : { life, at: { left: Math.ceil(events / 20), after: end === "after" } };
  }
}

/** Repeats these ends for each round. */
export function rounds(ends: readonly End[]): readonly End[] {
  return Array.from({ length: ROUNDS }, () => ends).flat();
}
