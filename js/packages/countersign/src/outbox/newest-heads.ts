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
  /** Earlier heads of other recorders, to compare with the newest one. */
  displaced: SeenHead[];
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
      displaced: [],
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

  /** Adds a head from the outbox, which several recorders may have left. The one of the latest tick counts. */
  restore({ id, bytes }: Entry): void {
    const { origin, since, proof } = parseHeadEntry(bytes);
    const log = this.of(origin);
    log.stale = [...log.stale, id];
    const [before, found] = [log.seen, { since, proof }];
    const isLater = tickOf(found) >= tickOf(before);
    log.seen = isLater ? found : before;
    if (before.proof !== undefined && before.proof !== proof) {
      log.displaced.push(isLater ? before : found);
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

/** Returns the content of a head's entry. */
export function headEntry(origin: string, { since, proof = "" }: SeenHead): string {
  return `${origin}\n${since}\n${proof}`;
}

const tickOf = ({ since }: SeenHead): number => Number(since.split(",")[1]);

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
