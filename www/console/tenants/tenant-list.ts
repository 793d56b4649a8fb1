/** Loads the list of tenants from the log server, in pages. */

import { readAtMost } from "@countersign/shared/bytes.js";
import { type Log, RequestError, type RequestFailure } from "../log.ts";
import { parseTenant, type Tenant } from "./tenant.ts";

/** Number of tenants per request. */
const PAGE = 1000;
/** Maximum length of a page. */
const MAX_PAGE_BYTES = 4 << 20;
/** Maximum number of tenants, as in a directory of the greatest depth that is practical. */
const MAX_TENANTS = 1 << 20;

export class TenantList {
  /** Tenants in the order of their creation. Replaced, never changed, when a page arrives. */
  tenants: readonly Tenant[] = [];
  /** Number of lines that couldn't be read. */
  unread = 0;
  isLoading = false;
  /** True if all pages were loaded. */
  isComplete = false;
  /** Reason why loading ended early. */
  refusal: RequestFailure | undefined;
  /** When loading was completed. */
  at: Date | undefined;
  readonly #log: Log;
  readonly #changed: () => void;
  #loading = new AbortController();

  constructor(log: Log, changed: () => void) {
    this.#log = log;
    this.#changed = changed;
  }

  /** Loads the list, and resolves once it is complete, failed, or was replaced by a newer request. */
  async load(): Promise<void> {
    const loading = this.#restart();
    this.isLoading = true;
    this.isComplete = false;
    this.refusal = undefined;
    this.#changed();
    try {
      await this.#loadPages(loading);
    } catch (error) {
      if (loading.signal.aborted) return;
      if (!(error instanceof RequestError)) throw error;
      this.refusal = error.refusal;
    }
    if (loading !== this.#loading) return;
    this.isLoading = false;
    this.at = new Date();
    this.#changed();
  }

  /** Forgets the list. */
  close(): void {
    this.#restart();
    Object.assign(this, { tenants: [], unread: 0, isLoading: false, isComplete: false, at: undefined });
    this.refusal = undefined;
  }

  async #loadPages(loading: AbortController): Promise<void> {
    let tenants: readonly Tenant[] = [];
    let unread = 0;
    for (;;) {
      const last = tenants.at(-1);
      const after = last === undefined ? "" : `&after=${last.id}`;
      const response = await this.#log.success(`tenants?limit=${PAGE}${after}`, { signal: loading.signal });
      const bytes = await readAtMost(response.body, MAX_PAGE_BYTES);
      if (loading.signal.aborted) return;
      const lines = new TextDecoder().decode(bytes).split("\n").filter(Boolean);
      const page = lines.flatMap((line) => parseTenant(line) ?? []);
      unread += lines.length - page.length;
      tenants = [...tenants, ...page];
      Object.assign(this, { tenants, unread });
      if (lines.length < PAGE) {
        this.isComplete = bytes !== undefined;
        return;
      }
      // Without a new ID, the next page would be this one.
      if (page.at(-1) === undefined || tenants.length >= MAX_TENANTS) return;
      this.#changed();
    }
  }

  #restart(): AbortController {
    this.#loading.abort();
    this.#loading = new AbortController();
    return this.#loading;
  }
}
