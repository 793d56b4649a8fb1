/** How what became known is handed on: no more at a time than whoever is told can deal with. */

import { Notifier } from "../promises.js";
import type { Finding, Phrases } from "../report.js";
import { type Remote, transfer } from "../rpc/connect.js";
import { serializeError } from "../rpc/errors.js";
import type { Counted, Listener, Outcome, Shown, VerifyHost } from "./roles.js";

/** How many bytes of events and marks may be on their way to the host. */
const UNDER_WAY = 4 << 20;

/** Either of the core's classes that verify. */
interface Results {
  takeEvents(): Uint8Array;
  takeMarks(): Uint8Array;
  takeFindings(): unknown;
}

/** Tells what became known. `alive` is waited for before anything is taken from the core. */
export async function tell(results: Results, to: Listener, alive?: () => Promise<void> | undefined): Promise<void> {
  const show = async (what: Shown, take: () => Uint8Array) => {
    await alive?.();
    const bytes = take();
    const { length } = bytes;
    if (length > 0) {
      await to.show(what, bytes);
    }
    return length > 0;
  };
  const found = results.takeFindings() as { findings: Finding[]; phrases: Phrases } | undefined;
  if (found !== undefined) {
    to.found(found.findings, found.phrases);
  }
  await show("events", () => results.takeEvents());
  while (await show("marks", () => results.takeMarks())) {}
}

/** Tells the host. */
export class HostListener implements Listener {
  counts: Counted = { lines: 0, events: 0 };
  readonly #host: Remote<VerifyHost>;
  #underWay = 0;
  readonly #dealt = new Notifier();

  constructor(host: Remote<VerifyHost>) {
    this.#host = host;
  }

  /** Whether more may be shown: otherwise nothing is to be verified either. */
  get hasRoom(): boolean {
    return this.#underWay < UNDER_WAY;
  }

  taken(_: number, counts: Counted): void {
    this.counts = counts;
  }

  async show(what: Shown, bytes: Uint8Array): Promise<void> {
    const { length } = bytes;
    this.#underWay += length;
    this.#host.show(what, transfer(bytes, bytes)).then(() => {
      this.#underWay -= length;
      this.#dealt.notify();
    }, this.fail);
    await this.#dealt.until(() => this.hasRoom);
  }

  /** Resolves when the host dealt with all of it. */
  idle(): Promise<void> {
    return this.#dealt.until(() => this.#underWay === 0);
  }

  found(findings: readonly Finding[], phrases: Phrases): void {
    void this.#host.found(findings, phrases);
  }

  report(outcome: Outcome): void {
    void this.#host.report(outcome);
  }

  readonly fail = (reason: unknown): void => {
    void this.#host.fail(serializeError(reason));
  };
}
