/**
 * The newest head of a tenant log that a recorder has accepted, and the comparison of each answer with it (SPEC section
 * 16.8). A log server that shows one history to recorders and another to readers can't prove that both extend this head.
 * Only signed statements that contradict each other stop a recorder for good: a consistency proof that fails may have been
 * changed on its way.
 */

import { CountersignError } from "../error.js";
import type { AnchorProof, Evidence } from "./evidence.js";

/** A head that a recorder has accepted. */
export interface SeenHead {
  /** The parameter `since` of the next submission: the size and the tick. */
  readonly since: string;
  /** The text of its head proof; undefined if there is no head yet. */
  readonly proof: string | undefined;
}

/** The state of a recorder that knows nothing about a log. */
export const NO_HEAD: SeenHead = { since: "0,0", proof: undefined };

/** The part of an answer that is compared. Nothing in it is verified, except the head, with its receipt. */
export interface HeadAnswer {
  /** The text of the head proof. */
  readonly head: string;
  readonly anchors: readonly AnchorProof[];
  /** The consistency proof to the head, from the last anchor or from the head that was stated. */
  readonly consistency: readonly string[];
}

/** Keeps the newest head of a tenant log. */
export interface HeadStore {
  readonly seen: SeenHead;
  /** Why nothing more may be sent to the log: `log.rewritten`. */
  readonly contradiction: CountersignError | undefined;
  /** Returns earlier heads that other recorders have accepted, once. */
  takeDisplaced(): readonly SeenHead[];
  see(head: SeenHead): void;
  contradict(error: CountersignError): void;
  /** Keeps the reason why an answer could not be used, until one is accepted. Doesn't throw. */
  keepUnproven(error: CountersignError): void;
}

/** Compares an answer in the core, and returns the `since` of its head. */
export type CompareHeads = (
  since: string,
  seen: string | undefined,
  head: string,
  anchors: string[],
  proofs: string[],
) => string;

/** A tenant's log, whose answers are compared with the newest head. */
export interface TenantLog {
  readonly origin: string;
  readonly heads: HeadStore;
  readonly compare: CompareHeads;
}

/** Compares the newest head with earlier ones of other recorders, as far as their signed statements contradict it. */
export function compareDisplaced({ origin, heads, compare }: TenantLog): void {
  const { proof: after = "" } = heads.seen;
  for (const { since, proof: before } of heads.takeDisplaced()) {
    try {
      compare(since, before, after, [], [""]);
    } catch (cause) {
      // That there is no consistency proof doesn't matter.
      if (cause instanceof CountersignError && cause.code === "log.rewritten") {
        const evidence = { origin, since, before, after, anchors: [], consistency: [] };
        heads.contradict(contradiction(cause.message, evidence));
      }
    }
  }
}

/**
 * Compares an answer with the head that was stated, and keeps its head. Throws `log.rewritten` if signed statements
 * contradict each other, and `proof.invalid` if the answer can't be used, each with the evidence.
 */
export function compareAnswer(
  { origin, heads, compare }: TenantLog,
  { since, proof }: SeenHead,
  answer: HeadAnswer | undefined,
): void {
  try {
    if (answer === undefined) {
      throw new CountersignError("proof.invalid", "the response does not prove how the log grew");
    }
    const { head, anchors, consistency } = answer;
    const proofs = [...anchors.map((anchor) => anchor.consistency), consistency].map((hashes) => hashes.join("\n"));
    const next = compare(
      since,
      proof,
      head,
      anchors.map(({ anchor }) => anchor),
      proofs,
    );
    heads.see({ since: next, proof: head });
  } catch (cause) {
    if (!(cause instanceof CountersignError)) {
      throw cause;
    }
    const evidence = answer && {
      origin,
      since,
      before: proof,
      after: answer.head,
      anchors: answer.anchors,
      consistency: answer.consistency,
    };
    if (cause.code === "log.rewritten" && evidence !== undefined) {
      const error = contradiction(cause.message, evidence);
      heads.contradict(error);
      throw error;
    }
    const hint = cause.hint ?? "check for a proxy that changes answers, and contact the log operator if this persists";
    const fate = `${hint}; the events stay queued, and are sent again`;
    const error = new CountersignError("proof.invalid", cause.message, { hint: fate, evidence, cause });
    heads.keepUnproven(error);
    throw error;
  }
}

/** Returns the error for a log server that has shown two histories of a log. */
export function contradiction(message: string, evidence: Evidence): CountersignError {
  const hint =
    "show the error's `evidence` to the log operator and the log's readers; nothing more is recorded in this log, and undelivered events stay in the outbox, if there is one";
  return new CountersignError("log.rewritten", message, { hint, evidence });
}
