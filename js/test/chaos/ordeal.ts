/** What a runtime goes through: a log of its own behind a proxy that fails, and what is to come of it. */

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

/** Events of each runtime, about: kills take some of them, and more on a busy machine. */
export const EVENTS = Number(process.env.CHAOS_EVENTS ?? 5_000);
/** How much more than its part each life is to record, as kills take some of it. */
export const MORE = 1.06;
/** What part of the events has to be left, so that something was tried at all. */
const ENOUGH = 0.75;
/** How often each runtime goes through its ways to end: 30 kills each time, in all of them together. */
export const ROUNDS = Number(process.env.CHAOS_ROUNDS ?? 3);
/** The same seed fails in the same ways. */
export const SEED = Number(process.env.CHAOS_SEED ?? 20_261_120);

/** How a life ends: by itself, or by a kill that it asks for, or before or after the log server has a submission. */
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

  /** Runs `work` with a log, and then looks into the log for everything that was said to be recorded. */
  static async run(name: string, t: TestContext, work: (ordeal: Ordeal) => Promise<void>): Promise<void> {
    t.diagnostic(`CHAOS_SEED=${SEED}`);
    const log = await serve.start(SETUP);
    const ordeal = new Ordeal(name, await new FailingProxy(log.url, SEED).start());
    try {
      await work(ordeal);
      const { book, proxy } = ordeal;
      const { events, found } = await book.check(log.url);
      t.diagnostic(`${found}; ${proxy.submissions} submissions: ${proxy.summary}`);
      assert.ok(events >= EVENTS * ENOUGH, `only ${events} events`);
    } finally {
      ordeal.proxy.close();
      await log.close();
      rmSync(ordeal.folder, { recursive: true, force: true });
    }
  }

  /** The life of a sender, of about so many events, and when the proxy is to kill it. */
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
    // Where it had not so many submissions it asks.
    const life = { ...common, events: events * 2, killAt: events };
    return end === "asks" ? { life } : { life, at: { left: Math.ceil(events / 20), after: end === "after" } };
  }
}

/** These ways to end, so often. */
export function rounds(ends: readonly End[]): readonly End[] {
  return Array.from({ length: ROUNDS }, () => ends).flat();
}
