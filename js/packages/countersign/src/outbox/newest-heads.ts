/** The newest heads of tenants' logs, as a recorder's outbox keeps them. */

import type { Evidence } from "../deliver/evidence.js";
import { contradiction, NO_HEAD, type SeenHead } from "../deliver/newest-head.js";
import type { CountersignError } from "../error.js";
import type { Entry } from "./outbox.js";

/** Maximum number of logs whose newest head is only kept in memory. The least recently used one is forgotten. */
const MAX_IN_MEMORY = 1_024;

/** The state of a tenant's log. */
export interface LogState {
  seen: SeenHead;
  /** Why nothing more may be sent to the log. */
  contradiction: CountersignError | undefined;
  /** Why the newest answer could not be used; undefined if it was accepted. */
  unproven: string | undefined;
  /** IDs of entries with such reasons. */
  unprovenIds: readonly number[];
  /** IDs of entries to remove once the newest head is stored. */
  stale: readonly number[];
  /** True if the outbox has the newest head, or there is none to store. */
  isStored: boolean;
}

/** The content of the entry of an answer that could not be used. */
interface UnprovenContent {
  readonly message: string;
  readonly origin: string;
  readonly evidence?: Evidence | undefined;
}

/** The content of a contradiction's entry. */
interface ContradictionContent {
  readonly message: string;
  readonly evidence: Evidence;
}

/** The states of tenants' logs, by origin. */
export class NewestHeads {
  readonly #isDurable: boolean;
  readonly #logs = new Map<string, LogState>();

  constructor(isDurable: boolean) {
    this.#isDurable = isDurable;
  }

  /** Returns the state of a log. Changes to it are kept. */
  of(origin: string): LogState {
    const log = this.#logs.get(origin) ?? {
      seen: NO_HEAD,
      contradiction: undefined,
      unproven: undefined,
      unprovenIds: [],
      stale: [],
      isStored: true,
    };
    this.#logs.delete(origin);
    this.#logs.set(origin, log);
    if (!this.#isDurable && this.#logs.size > MAX_IN_MEMORY) {
      for (const [first, { contradiction }] of this.#logs) {
        if (contradiction === undefined) {
          this.#logs.delete(first);
          break;
        }
      }
    }
    return log;
  }

  /** Adds the state of a log that isn't in memory. Returns the log's origin. */
  recall(bytes: Uint8Array): string {
    const { origin, since, proof } = parseHeadEntry(bytes);
    const log = this.of(origin);
    if (log.seen === NO_HEAD && since !== NO_HEAD.since) {
      log.seen = { since, proof: proof || undefined };
    }
    return origin;
  }

  /** Removes the state of a log from memory. */
  forget(origin: string): void {
    this.#logs.delete(origin);
  }

  /** Adds a head from the outbox, which may be another recorder's. Of several heads, the latest counts. */
  restore({ id, bytes }: Entry): void {
    const { origin, since, proof } = parseHeadEntry(bytes);
    const log = this.of(origin);
    log.stale = [...log.stale, id];
    if (log.seen.proof === undefined || tickOf(since) > tickOf(log.seen.since)) {
      log.seen = { since, proof };
    }
  }

  /** Adds the entry of an answer that could not be used. It is removed after an answer is accepted. */
  restoreUnproven({ id, bytes }: Entry): void {
    const { message, origin } = JSON.parse(new TextDecoder().decode(bytes)) as UnprovenContent;
    const log = this.of(origin);
    log.unproven = message;
    log.unprovenIds = [...log.unprovenIds, id];
  }

  /** Adds a contradiction from the outbox, and returns it. */
  restoreContradiction(bytes: Uint8Array): CountersignError {
    const { message, evidence } = JSON.parse(new TextDecoder().decode(bytes)) as ContradictionContent;
    const error = contradiction(message, evidence);
    this.of(evidence.origin).contradiction = error;
    return error;
  }
}

/** Returns the tick of a state, written as its size and its tick; -1 if it has none. */
function tickOf(since: string): number {
  const [, tick] = since.split(",");
  return tick === undefined ? -1 : Number(tick);
}

/** Returns the content of a head's entry. */
export function headEntry(origin: string, { since, proof = "" }: SeenHead): string {
  return `${origin}\n${since}\n${proof}`;
}

/** Parses the content of a head's entry. */
function parseHeadEntry(bytes: Uint8Array): { origin: string; since: string; proof: string } {
  const [origin = "", since = "", ...proof] = new TextDecoder().decode(bytes).split("\n");
  return { origin, since, proof: proof.join("\n") };
}

/** Returns the content of a contradiction's entry. */
export function contradictionEntry({ message, evidence }: CountersignError): string {
  return JSON.stringify({ message, evidence });
}

/** Returns the content of the entry of an answer that could not be used. */
export function unprovenEntry(origin: string, { message, evidence }: CountersignError): string {
  return JSON.stringify({ message, origin, evidence } satisfies UnprovenContent);
}
