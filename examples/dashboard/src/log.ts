/** The log, as this page itself verifies it: nothing is shown on the server's word. */

import { type Json, type Report, type VerifiedEvent, verify } from "countersign/verify";

/** How many of the newest events are read. */
const NEWEST = 25;
/** How long to wait after a refusal to tell of changes. */
const AGAIN = 2_000;

/** An event that verified. */
export interface Entry {
  readonly chain: string;
  readonly seq: number;
  readonly index: number;
  readonly time: string;
  readonly vkey: string;
  readonly event: { readonly [member: string]: Json };
  /** Its text, as it was signed. */
  readonly json: string;
}

/** What the last look gave. */
export interface View {
  readonly report: Report;
  /** Newest first. */
  readonly entries: readonly Entry[];
  readonly at: Date;
}

/** Looks at the log whenever it has grown. */
export class Log {
  view: View | undefined;
  /** Why the last look failed, if it did. */
  problem: string | undefined;
  /** Told when something changed. */
  onChange = (): void => {};
  /** The checkpoint verified last: the next export has to have it inside. */
  #pin: string | undefined;
  #looking: Promise<void> | undefined;
  #isOutdated = false;
  #trust = "";

  start(trust: string): void {
    this.#trust = trust;
    void this.look();
    this.#follow();
  }

  #follow(): void {
    const changes = new EventSource("/api/changes");
    changes.addEventListener("message", () => this.look());
    changes.addEventListener("open", () => this.look());
    changes.addEventListener("error", () => {
      void this.look();
      // After a lost connection the browser connects again by itself, after a refusal it does not.
      if (changes.readyState === EventSource.CLOSED) {
        setTimeout(() => this.#follow(), AGAIN);
      }
    });
  }

  /** Reads and verifies the newest events. There is one look at a time, and another if it was asked for meanwhile. */
  look(): Promise<void> {
    this.#isOutdated = true;
    this.#looking ??= this.#lookWhileOutdated().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookWhileOutdated(): Promise<void> {
    while (this.#isOutdated) {
      this.#isOutdated = false;
      try {
        this.view = await this.#read();
        this.problem = undefined;
      } catch (error) {
        this.problem = error instanceof Error ? error.message : String(error);
      }
      this.onChange();
    }
  }

  async #read(): Promise<View> {
    const query = new URLSearchParams({ limit: String(NEWEST) });
    if (this.#pin !== undefined) {
      query.set("boundary", sizeOf(this.#pin));
    }
    const response = await fetch(`/api/export?${query}`);
    if (!response.ok) {
      throw new Error(`the dashboard's server answers with ${response.status}`);
    }
    const entries: Entry[] = [];
    const { report, pin } = await verify(response, {
      trust: this.#trust,
      pins: this.#pin === undefined ? [] : [this.#pin],
      threads: 1,
      onEvents: (batch) => {
        entries.push(...Array.from(batch, entry));
      },
    });
    this.#pin = pin ?? this.#pin;
    entries.sort((a, b) => b.index - a.index);
    return { report, entries, at: new Date() };
  }
}

function entry(verified: VerifiedEvent): Entry {
  const { chain, seq, index, time, vkey, json } = verified;
  return { chain, seq, index, time, vkey, json, event: verified.parse() };
}

/** A checkpoint's second line. */
function sizeOf(checkpoint: string): string {
  return checkpoint.split("\n")[1] ?? "";
}
