/** What an issuer makes. */

/** How long a grant lasts. Without any it is 12 hours from now. */
export interface GrantOptions {
  /** Until when, that moment not included; `null` for no end. */
  until?: Date | null | undefined;
  /** For how many seconds from now, in place of `until`. */
  ttlSeconds?: number | undefined;
  /**
   * From when on. By default there is no beginning: a key cannot have signed before it was made, and a device whose clock
   * is behind is not refused.
   */
  from?: Date | undefined;
}

/** What a log keeps of a statement about a key, with its proof. */
export interface Noted {
  readonly vkey: string;
  /** The signed note, which is a leaf of the log. */
  readonly note: string;
  /** The leaf's index. */
  readonly index: number;
  /** The C2SP tlog-proof that it is there, verified. */
  readonly proof: string;
}

/** A key that may sign chains. */
export interface Granted extends Noted {
  readonly from: Date | undefined;
  readonly until: Date | undefined;
}

/** A key that is not to be trusted any more. */
export interface Revoked extends Noted {
  readonly since: Date | undefined;
}
