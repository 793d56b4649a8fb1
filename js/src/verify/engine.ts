/** What verifying is done by, and whom it tells. */

import type { Finding } from "../report.js";
import type { Counted, Outcome, Shown } from "./roles.js";

/** The size of a piece. */
export const PIECE = 256 << 10;

/** Verifies what it is fed. */
export interface Engine {
  /** Resolves when it works, and rejects with `worker.unavailable` where its workers do not start. */
  readonly started: Promise<void>;
  /** A buffer to read the next piece into. */
  buffer(): ArrayBuffer;
  /** Takes a piece with its buffer, and resolves when there is room for the next. */
  feed(piece: Uint8Array): Promise<void>;
  /** There are no more pieces. */
  end(): Promise<Outcome>;
  /** Ends at once: what was asked of it before never resolves. */
  stop(): void;
}

/** What an engine tells. */
export interface Listener {
  /** So many bytes were taken. */
  taken(bytes: number, counts: Counted): void;
  /** Resolves when these events or marks were dealt with. */
  show(what: Shown, bytes: Uint8Array): Promise<void>;
  /** These were found. */
  found(findings: readonly Finding[]): void;
  /** The report as if the export had ended with the last checkpoint. */
  report(outcome: Outcome): void;
  /** It went wrong. */
  fail(reason: unknown): void;
}

/** What an end leaves behind for those who still wait. */
export function never(): Promise<never> {
  return new Promise(() => {});
}
