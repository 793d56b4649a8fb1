/** Asks the log for exports, and verifies what it answers. */

import { bodyWithEarlierEntries, namesIssuers } from "@countersign/ui/viewer/session/earlier-entries.js";
import { Session, type Tools } from "@countersign/ui/viewer/session/session.js";
import { trustName, trustText } from "../src/input/trust.ts";
import type { History } from "./history.ts";
import { type Log, type Refusal, Refused } from "./log.ts";
import { type Conditions, counted, exportAddress, NO_CONDITIONS } from "./place.ts";
import type { Reader } from "./reader.ts";
import { counting, type Withheld } from "./withheld.ts";

/** What is known of the last search. */
export interface Search {
  readonly session: Session | undefined;
  /** Why its events are withheld, by the log's word. */
  readonly withheld: Withheld | undefined;
  readonly refusal: Refusal | undefined;
  /** What the log was asked for, and when all of it was there. */
  readonly conditions: Conditions;
  readonly at: Date | undefined;
  readonly isAsking: boolean;
  /** Whether the log said that it has no leaves. */
  readonly isEmpty: boolean;
  /** The size of the pin that the export is cut at. */
  readonly boundary: number | undefined;
}

const NO_SEARCH: Search = {
  session: undefined,
  withheld: undefined,
  refusal: undefined,
  conditions: NO_CONDITIONS,
  at: undefined,
  isAsking: false,
  isEmpty: false,
  boundary: undefined,
};

interface Needed {
  readonly log: Log;
  readonly reader: Reader;
  readonly history: History;
  readonly tools: () => Promise<Tools>;
  readonly changed: () => void;
}

export class Searching {
  search = NO_SEARCH;
  /** What was asked for last. */
  ran: Conditions | undefined;
  readonly #needed: Needed;
  #running = new AbortController();

  constructor(needed: Needed) {
    this.#needed = needed;
  }

  async run(conditions: Conditions): Promise<void> {
    const { log, history } = this.#needed;
    const running = this.#anew();
    this.ran = conditions;
    this.#tell({ ...NO_SEARCH, conditions, isAsking: true });
    try {
      await history.ask();
      const boundary = counted(conditions) > 0 ? history.boundary : undefined;
      const response = await log.success(exportAddress(conditions, boundary), { signal: running.signal });
      if (response.body === null) throw new TypeError("an answer without a body");
      this.#tell({ ...this.search, boundary });
      const { seen } = history;
      const read = new Response(this.#whole(response.body), { headers: response.headers });
      await this.#verify(read, seen === undefined ? [] : [seen.pin], running);
    } catch (error) {
      if (this.#running !== running) return;
      const refusal = error instanceof Refused ? error.refusal : undefined;
      if (refusal === undefined && !running.signal.aborted) throw error;
      if (refusal?.status === 401) this.#needed.reader.deny(refusal);
      this.#tell({ ...NO_SEARCH, refusal });
    }
  }

  /** Verifies what came once more, by what the reader trusts now: the very same bytes, where all of them are there. */
  async again(): Promise<void> {
    const { session } = this.search;
    const bytes = session?.bytes;
    if (bytes !== undefined) await this.#verify(bytes, session?.pins ?? [], this.#anew());
    else if (session !== undefined && this.ran !== undefined) await this.run(this.ran);
  }

  cancel(): void {
    this.#running.abort();
  }

  /** Ends it with all it keeps. */
  close(): void {
    this.#anew();
    this.ran = undefined;
    this.search = NO_SEARCH;
  }

  /** What was under way is not any more. */
  #anew(): AbortController {
    this.#running.abort();
    this.#running = new AbortController();
    this.search.session?.close();
    return this.#running;
  }

  /** With what settles whether a key was revoked before it. */
  #whole(body: ReadableStream<Uint8Array<ArrayBuffer>>): ReadableStream<Uint8Array<ArrayBuffer>> {
    const { log, reader } = this.#needed;
    return namesIssuers(trustText(reader.trust))
      ? bodyWithEarlierEntries(body, (path) => log.public(path))
      : body;
  }

  async #verify(source: Blob | Response, pins: readonly string[], running: AbortController): Promise<void> {
    const { reader, history, tools: workers, changed } = this.#needed;
    const { tools, withheld } = counting(await workers());
    if (running.signal.aborted) {
      if (this.#running === running) this.#tell(NO_SEARCH);
      return;
    }
    const given = {
      trust: trustText(reader.trust),
      trustName: trustName(reader.trust),
      pins,
      name: "export",
      rules: tools.rules,
    };
    const session = new Session(source, given, tools);
    running.signal.addEventListener("abort", () => session.cancel());
    session.addEventListener("change", changed);
    this.#tell({ ...this.search, session, withheld, isAsking: true, refusal: undefined });
    await session.ended;
    if (this.search.session !== session) return;
    if (!history.take(session) && this.ran !== undefined) {
      await this.run(this.ran);
      return;
    }
    const isEmpty = session.report !== undefined && history.published?.size === 0;
    const at = session.report === undefined ? undefined : (this.search.at ?? new Date());
    this.#tell({ ...this.search, at, isAsking: false, isEmpty });
  }

  #tell(search: Search): void {
    this.search = search;
    this.#needed.changed();
  }
}
