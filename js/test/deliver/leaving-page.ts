/** A page that records and is left in the same moment. */

import { indexedDbOutbox } from "../../packages/countersign/dist/browser.js";
import { createRecorder } from "../../packages/countersign/dist/record/record.js";

/** The options of a page's recorder, and its actions before it is left. */
export interface Visit {
  readonly to: string;
  readonly log: string;
  readonly key: string;
  /** Number of events, and the length of each. */
  readonly events: number;
  readonly length: number;
  readonly name: string;
  /** The name of its IndexedDB outbox, if it has one. */
  readonly outbox?: string;
  /** True if a flush is running when the page is left. */
  readonly flushes?: boolean;
}

/** The functions that the page exposes. */
export interface PageFunctions {
  visit(visit: Visit): Promise<void>;
  /** Delivers the entries that were left behind. */
  deliver(visit: Visit): Promise<void>;
}

const open = ({ key, to, log, outbox }: Visit) =>
  createRecorder({
    key,
    to,
    log,
    autoFlush: { maxEvents: 1_000_000, maxBytes: 1 << 30, maxDelayMs: 1_000_000 },
    ...(outbox === undefined ? {} : { outbox: indexedDbOutbox({ name: outbox }) }),
  }).ready();

const page: PageFunctions = {
  async visit(visit) {
    const audit = await open(visit);
    const record = (nth: number) =>
      audit.record({ action: "page.left", metadata: { id: `${visit.name}.${nth}`, text: "x".repeat(visit.length) } });
    // From here on, the page is in use.
    await record(0).stored();
    for (let nth = 1; nth < visit.events; nth++) {
      record(nth);
    }
    if (visit.flushes) {
      void audit.flush();
    }
    location.href = "/elsewhere";
  },
  async deliver(visit) {
    const audit = await open(visit);
    await audit.close({ retryForMs: 5_000 });
  },
};
Object.assign(globalThis, page);
