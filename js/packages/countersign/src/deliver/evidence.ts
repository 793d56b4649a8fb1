/** Evidence against a log server (SPEC section 16.8). */

/** An anchor in an answer, with the consistency proof to it. */
export interface AnchorProof {
  /** The text of the anchor (SPEC section 16.5). */
  readonly anchor: string;
  /** The hashes in base64. */
  readonly consistency: readonly string[];
}

/**
 * An answer about a tenant's log that was not accepted, with the head that it was compared with. Both heads are proven by
 * signed checkpoints, so anyone with the log's trust file can check them. With `log.rewritten`, they prove that the log
 * server has shown two histories. With `proof.invalid`, they prove it only if no consistency proof leads from one to the
 * other.
 */
export interface Evidence {
  /** The origin of the tenant's log. */
  readonly origin: string;
  /** The size and the tick that the recorder stated. */
  readonly since: string;
  /** The head that the recorder had accepted: the text of a head proof (SPEC section 16.4). Undefined if it had none. */
  readonly before: string | undefined;
  /** The head in the answer: the text of a head proof. */
  readonly after: string;
  /** The anchors in the answer, each with its consistency proof. */
  readonly anchors: readonly AnchorProof[];
  /** The consistency proof to the head in the answer. */
  readonly consistency: readonly string[];
}
