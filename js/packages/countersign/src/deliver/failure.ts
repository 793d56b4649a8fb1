/** Reasons for failed deliveries, and their effect on other chains. */

import { CountersignError } from "../error.js";

/** The scope of a failure. */
export type Scope =
  /** Delivery is currently impossible. */
  | "server"
  /** Delivery of this chain is currently impossible; other chains may work. */
  | "chain"
  /**
   * Like "chain", because its key may not sign it or its times are in the future. None of its pending links are in the
   * log.
   */
  | "refused"
  /** Like "chain": it still waits after an earlier, reported failure. Nothing was sent. */
  | "waiting"
  /**
   * The log server says that this chain can never be delivered as it is. The statement isn't signed, so it must be
   * repeated.
   */
  | "denied"
  /** Nothing more may be sent to this log, because it contradicts itself. Undelivered events stay in the outbox. */
  | "stopped"
  /** This chain can never be delivered as it is. It stays in the outbox and isn't resent automatically. */
  | "dead";

/** A failed delivery. */
export class Failure extends Error {
  readonly scope: Scope;
  readonly error: CountersignError;
  /** Milliseconds to wait, as demanded by the log server. */
  readonly retryAfter: number | undefined;
  /** The log's time in milliseconds since the epoch, if that is the reason. It isn't signed. */
  readonly logTime: number | undefined;

  constructor(scope: Scope, error: CountersignError, retryAfter?: number, logTime?: number) {
    super(error.message, { cause: error });
    this.scope = scope;
    this.error = error;
    this.retryAfter = retryAfter;
    this.logTime = logTime;
  }

  /** Returns the same failure with a hint that also says what happens to the events. */
  withFate(fate: string): Failure {
    const { code, message, hint, line, member, evidence, cause } = this.error;
    const fullHint = hint === undefined ? fate : `${hint}${/[.?!]$/.test(hint) ? "" : "."} ${sentence(fate)}`;
    const error = new CountersignError(code, message, { hint: fullHint, line, member, evidence, cause });
    return new Failure(this.scope, error, this.retryAfter, this.logTime);
  }

  /** True if it only stops one chain for now. */
  get isOfChain(): boolean {
    return this.scope !== "server" && this.scope !== "stopped" && this.scope !== "dead";
  }
}

/** Returns the more serious of two failures: a dead chain first, then the first that isn't just "waiting". */
export function moreSerious(before: Failure | undefined, failure: Failure): Failure {
  return before === undefined || weight(failure) > weight(before) ? failure : before;
}

function weight({ scope }: Failure): number {
  return scope === "dead" ? 2 : scope === "waiting" ? 0 : 1;
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}
