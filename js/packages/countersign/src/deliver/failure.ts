/** Why something was not delivered, and what that means for the rest. */

import { CountersignError } from "../error.js";

/** What a failure stops. */
export type Scope =
  /** Nothing can be delivered now. */
  | "log_server"
  /** This chain cannot, now; others perhaps can. */
  | "chain"
  /** The same, because its key may not sign it, or its times are to come. Nothing that is pending of it is in the log. */
  | "refused"
  /** The same: it is not its turn yet after a failure that was told before. Nothing was sent. */
  | "waiting"
  /** The log server says that this chain never can as it is, and nobody signed that: it is to be said again. */
  | "denied"
  /** This chain never can as it is. It stays where it is, and is not sent again by itself. */
  | "dead";

/** A delivery that failed. */
export class Failure extends Error {
  readonly scope: Scope;
  readonly error: CountersignError;
  /** How many milliseconds the log server asks to wait. */
  readonly retryAfter: number | undefined;
  /** What the log's clock showed, where that is why: milliseconds from the epoch. Nobody signed it. */
  readonly logTime: number | undefined;

  constructor(scope: Scope, error: CountersignError, retryAfter?: number, logTime?: number) {
    super(error.message, { cause: error });
    this.scope = scope;
    this.error = error;
    this.retryAfter = retryAfter;
    this.logTime = logTime;
  }

  /** Returns the same failure, whose error also says what becomes of the events. */
  saying(fate: string): Failure {
    const { code, message, hint, line, member, cause } = this.error;
    const whole = hint === undefined ? fate : `${hint}${/[.?!]$/.test(hint) ? "" : "."} ${sentence(fate)}`;
    const error = new CountersignError(code, message, { hint: whole, line, member, cause });
    return new Failure(this.scope, error, this.retryAfter, this.logTime);
  }

  /** Whether it stops one chain for now, and nothing else. */
  get isOfChain(): boolean {
    return this.scope !== "log_server" && this.scope !== "dead";
  }
}

/** Returns which of two failures is told: that a chain cannot go on, or else the first that says more than that it waits. */
export function heavier(before: Failure | undefined, failure: Failure): Failure {
  return before === undefined || weight(failure) > weight(before) ? failure : before;
}

function weight({ scope }: Failure): number {
  return scope === "dead" ? 2 : scope === "waiting" ? 0 : 1;
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
}
