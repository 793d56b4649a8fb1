/**
 * Roles of the host and its workers, and the calls between them.
 *
 * A single worker verifies a whole export. Several share it: a coordinator splits the export into parts and absorbs
 * their summaries in order, and summarizers create these (SPEC section 10). Parts go directly from the coordinator
 * to the summarizers; the host only feeds the coordinator.
 *
 * Chunks and parts are moved, not copied, and their buffers are returned for reuse, because buffers left to garbage
 * collection pile up to several times the memory that verification needs.
 */

import type { CompiledModule } from "../artifact/load.js";
import type { Finding, Judged, Phrases } from "../report.js";
import type { TransferPort } from "../rpc/connect.js";
import type { WireError } from "../rpc/errors.js";

/** Options in the form sent to a worker. */
export interface Task {
  /** The trust file as bytes. */
  trust: Uint8Array | undefined;
  /** Pins: checkpoints from earlier verifications. */
  pins: string[];
  /** `now` is the time at which an age is measured, less `restMs`, the age's milliseconds beyond whole seconds. */
  expect:
    | { origin?: string; range?: [number, number]; maxAgeSeconds?: number; now?: string; restMs?: number }
    | undefined;
  /**
   * The results to pass on; `offsets` adds the events' positions in the export, and `live` verifies a growing export
   * with intermediate reports. `archive` also passes on an archive, from which the export can be verified again.
   */
  wants: { events: boolean; offsets: boolean; marks: boolean; findings: boolean; archive: boolean; live: boolean };
  /** True if the input is an archive of an export. */
  isArchive: boolean;
  /** True if an age is measured at the time of each report. */
  measuresNow: boolean;
}

/** The role of a worker. */
export type Role =
  | { role: "single"; task: Task }
  | { role: "coordinator"; task: Task; summarizers: TransferPort[] }
  | { role: "summarizer"; trust: Uint8Array | undefined; coordinator: TransferPort };

/** Calls from the host to a worker: `begin` assigns its role, and the others feed it. */
export interface VerifyWorker extends Feed {
  begin(module: CompiledModule, role: Role): Promise<void>;
}

/** Receives an export. */
export interface Feed {
  /** Resolves when the chunk is consumed. */
  chunk(bytes: Uint8Array): Promise<ChunkResult>;
  end(): Promise<Outcome>;
}

/** The progress after a chunk, and the chunk's buffer. */
export interface ChunkResult {
  counts: LineCounts;
  spent: ArrayBuffer;
}

/** Calls from a worker to the host. */
export interface VerifyHost extends Pick<Listener, "show" | "found" | "report" | "archived"> {
  /** Reports a failure outside of a call. */
  fail(error: WireError): void;
}

/** Calls from a coordinator to a summarizer. */
export interface SummarizerWorker {
  begin(origin: string): void;
  learn(opened: Uint8Array): void;
  /** Returns the part, with its summary in the same buffer if it fits. */
  summarize(part: Uint8Array<ArrayBuffer>): Summary;
}

export interface Summary {
  summary: Uint8Array;
  part: Uint8Array<ArrayBuffer>;
}

/** The kinds of results passed on in batches. */
export type BatchKind = "events" | "marks";

/** The progress in lines: non-blank ones, and events in them. */
export interface LineCounts {
  lines: number;
  events: number;
}

/** The result of a verification. */
export interface Outcome extends Judged {
  /**
   * The checkpoint to pass in `pins` next time; null if it isn't proven, or is older than one of `pins`. Keep the old pin
   * if this is null.
   */
  pin: string | null;
  /** A pin of a later tick than the export of a tenant log. */
  newerPin: NewerPin | null;
}

/** A pin of a later tick than what was verified. */
export interface NewerPin {
  /** Number of entries. */
  readonly size: number;
  /** Number of the tick. */
  readonly tick: number;
}

/** The result of verifying an export again from its archive. */
export interface ArchiveOutcome extends Outcome {
  /**
   * The chains whose key is authorized. For events that were passed on with another trust file, this replaces
   * `authorized`.
   */
  authorized: readonly string[];
}

/** Size of a chunk, in bytes. */
export const CHUNK_BYTES = 256 << 10;

/** Verifies the chunks passed to it. */
export interface Engine {
  /** Returns a buffer for the next chunk. */
  buffer(): ArrayBuffer;
  /** Accepts a chunk with its buffer, and resolves when there is room for the next. */
  feed(chunk: Uint8Array): Promise<void>;
  /** Ends the input and returns the result. */
  end(): Promise<Outcome>;
  /** Stops immediately. Pending calls never settle. */
  stop(): void;
}

/** Receives an engine's results. */
export interface Listener {
  /** Reports that this many bytes were consumed. */
  taken(bytes: number, counts: LineCounts): void;
  /** Resolves when these events or marks were processed. */
  show(kind: BatchKind, bytes: Uint8Array): Promise<void>;
  /** Reports new findings, with their sentences as data. */
  found(findings: readonly Finding[], phrases: Phrases): void;
  /** Reports the result as if the export had ended with the last checkpoint. */
  report(outcome: Outcome): void;
  /** Passes on the archive. Not called if the export can't be read or has too many entries. */
  archived(archive: Blob): void;
  /** Reports a failure. */
  fail(reason: unknown): void;
}

/** Returns a promise that never settles, for callers of a stopped engine. */
export function never(): Promise<never> {
  return new Promise(() => {});
}
