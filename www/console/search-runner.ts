/** Requests exports from the log, and verifies them. */

import { bodyWithEarlierEntries, namesIssuers } from "@countersign/ui/viewer/session/earlier-entries.js";
import { Session, type Tools } from "@countersign/ui/viewer/session/session.js";
import { trustName, trustText } from "../src/input/trust.ts";
import type { RememberedLog } from "../src/state/memory.ts";
import { type Conditions, counted, exportAddress, NO_CONDITIONS } from "./address.ts";
import type { History } from "./history.ts";
import { type Log, RequestError, type RequestFailure } from "./log.ts";
import type { Reader } from "./reader.ts";
import { counting, type Withheld } from "./withheld.ts";

/** State of the last search. */
export interface Search {
  readonly session: Session | undefined;
  /** Number of withheld events by reason, as claimed by the log. */
  readonly withheld: Withheld | undefined;
  readonly refusal: RequestFailure | undefined;
  /** Conditions of the request, and when the response was complete. */
  readonly conditions: Conditions;
  readonly at: Date | undefined;
  readonly isAsking: boolean;
  /** True if the log states that it has no entries. */
  readonly isEmpty: boolean;
  /** Size of the pin at which the export is cut. */
  readonly boundary: number | undefined;
  /** State of the log that this device remembered before. */
  readonly seen: RememberedLog | undefined;
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
  seen: undefined,
};

/** The modules that a search depends on. */
export interface SearchDependencies {
  readonly log: Log;
  readonly reader: Pick<Reader, "trust" | "deny">;
  readonly history: History;
  readonly tools: () => Promise<Tools>;
  readonly changed: () => void;
}

export class SearchRunner {
  search = NO_SEARCH;
  /** Conditions of the last request; undefined if there is none. */
  ran: Conditions | undefined;
  readonly #dependencies: SearchDependencies;
  #running = new AbortController();

  constructor(dependencies: SearchDependencies) {
    this.#dependencies = dependencies;
  }

  async run(conditions: Conditions): Promise<void> {
    const { log, history } = this.#dependencies;
    const running = this.#restart();
    this.ran = conditions;
    this.#update({ ...NO_SEARCH, conditions, isAsking: true });
    try {
      await history.ask();
      const boundary = counted(conditions) > 0 ? history.boundary : undefined;
      const response = await log.success(exportAddress(conditions, boundary), { signal: running.signal });
      if (response.body === null) throw new TypeError("the response has no body");
      const { seen } = history;
      this.#update({ ...this.search, boundary, seen });
      const read = new Response(this.#withEarlierEntries(response.body), { headers: response.headers });
      await this.#verify(read, seen === undefined ? [] : [seen.pin], running);
    } catch (error) {
      if (this.#running !== running) return;
      const refusal = error instanceof RequestError ? error.refusal : undefined;
      if (refusal === undefined && !running.signal.aborted) throw error;
      if (refusal?.status === 401) this.#dependencies.reader.deny(refusal);
      this.#update({ ...NO_SEARCH, refusal });
    }
  }

  /** Verifies the loaded bytes again with the reader's current trust, if all of them are available. */
  async again(): Promise<void> {
    const { session } = this.search;
    const bytes = session?.bytes;
    if (bytes !== undefined) await this.#verify(bytes, session?.pins ?? [], this.#restart());
    else if (session !== undefined && this.ran !== undefined) await this.run(this.ran);
  }

  cancel(): void {
    this.#running.abort();
  }

  /** Closes the search and frees everything it keeps. */
  close(): void {
    this.#restart();
    this.ran = undefined;
    this.search = NO_SEARCH;
  }

  /** Aborts what is under way. */
  #restart(): AbortController {
    this.#running.abort();
    this.#running = new AbortController();
    this.search.session?.close();
    return this.#running;
  }

  /** Adds the earlier entries that decide whether a key was revoked before the export. */
  #withEarlierEntries(
    body: ReadableStream<Uint8Array<ArrayBuffer>>,
  ): ReadableStream<Uint8Array<ArrayBuffer>> {
    const { log, reader } = this.#dependencies;
    return namesIssuers(trustText(reader.trust))
      ? bodyWithEarlierEntries(body, (path) => log.public(path))
      : body;
  }

  async #verify(source: Blob | Response, pins: readonly string[], running: AbortController): Promise<void> {
    const { reader, history, tools: workers, changed } = this.#dependencies;
    const { tools, withheld } = counting(await workers());
    if (running.signal.aborted) {
      if (this.#running === running) this.#update(NO_SEARCH);
      return;
    }
    const options = {
      trust: trustText(reader.trust),
      trustName: trustName(reader.trust),
      pins,
      name: "export",
      rules: tools.rules,
      // Its sections summarize all events.
      waitsForIndex: true,
    };
    const session = new Session(source, options, tools);
    running.signal.addEventListener("abort", () => session.cancel());
    session.addEventListener("change", changed);
    this.#update({ ...this.search, session, withheld, isAsking: true, refusal: undefined });
    await session.ended;
    if (this.search.session !== session) return;
    if (!history.process(session) && this.ran !== undefined) {
      await this.run(this.ran);
      return;
    }
    const isEmpty = session.report !== undefined && history.published?.size === 0;
    const at = session.report === undefined ? undefined : (this.search.at ?? new Date());
    this.#update({ ...this.search, at, isAsking: false, isEmpty });
  }

  #update(search: Search): void {
    this.search = search;
    this.#dependencies.changed();
  }
}
