/**
 * What the host, its workers, and the workers among each other ask.
 *
 * One worker alone verifies all of an export. Several share it out: a coordinator cuts the export into stretches and
 * takes their summaries in order, summarizers make them (SPEC section 10). Stretches go from the coordinator to
 * the summarizers directly; the host only feeds the coordinator.
 *
 * Chunks and stretches are moved, not copied, and their buffers come back to be used again: buffers that are left
 * to log servers pile up in a browser's process, several times the memory that verifying needs.
 */

import type { CompiledModule } from "../artifact/load.js";
import type { Finding, Judged, Phrases } from "../report.js";
import type { TransferPort } from "../rpc/connect.js";
import type { WireError } from "../rpc/errors.js";

/** Options as they cross to a worker. */
export interface Task {
  /** A trust file's bytes. */
  trust: Uint8Array | undefined;
  /** Checkpoints that were verified before. */
  pins: string[];
  /** `now` is the moment at which an age is measured, less `restMs`: what is left of the age after its whole seconds. */
  expect:
    | { origin?: string; range?: [number, number]; maxAgeSeconds?: number; now?: string; restMs?: number }
    | undefined;
  /** What is to be handed out, events with where in the export they stand or without, and whether the export goes on and there are to be reports along the way. */
  wants: { events: boolean; offsets: boolean; marks: boolean; findings: boolean; live: boolean };
  /** Whether an age is measured at the moment of each report. */
  measuresNow: boolean;
}

/** What a worker is there for. */
export type Role =
  | { role: "single"; task: Task }
  | { role: "coordinator"; task: Task; summarizers: TransferPort[] }
  | { role: "summarizer"; trust: Uint8Array | undefined; coordinator: TransferPort };

/** What the host asks of a worker: first to begin, in whatever role, and then of the one that it feeds. */
export interface VerifyWorker extends Feed {
  begin(module: CompiledModule, role: Role): Promise<void>;
}

/** Takes an export. */
export interface Feed {
  /** Resolves when the chunk was taken. */
  chunk(bytes: Uint8Array): Promise<Taken>;
  end(): Promise<Outcome>;
}

/** How far verifying came with a chunk, and the chunk's buffer. */
export interface Taken {
  counts: Counted;
  spent: ArrayBuffer;
}

/** What a worker tells the host. */
export interface VerifyHost extends Pick<Listener, "show" | "found" | "report"> {
  /** It went wrong while nothing was asked for. */
  fail(error: WireError): void;
}

/** What a coordinator asks of a summarizer. */
export interface SummarizerWorker {
  begin(origin: string): void;
  learn(opened: Uint8Array): void;
  /** Gives the stretch back, and its summary where it can in the same buffer. */
  summarize(stretch: Uint8Array<ArrayBuffer>): Summary;
}

export interface Summary {
  summary: Uint8Array;
  stretch: Uint8Array<ArrayBuffer>;
}

/** What is handed out in batches. */
export type Shown = "events" | "marks";

/** How far verifying came: lines that are not blank, and the events on them. */
export interface Counted {
  lines: number;
  events: number;
}

/** The end of verifying. */
export interface Outcome extends Judged {
  /** The checkpoint to give as one of `pins` the next time. */
  pin: string | null;
}

/** The size of a piece. */
export const PIECE = 256 << 10;

/** Verifies what it is fed. */
export interface Engine {
  /** A buffer to read the next piece into. */
  buffer(): ArrayBuffer;
  /** Takes a piece with its buffer, and resolves when there is room for the next. */
  feed(piece: Uint8Array): Promise<void>;
  /** There are no more pieces. */
  end(): Promise<Outcome>;
  /** Ends at once: of what was asked of it before nothing comes. */
  stop(): void;
}

/** What an engine tells. */
export interface Listener {
  /** So many bytes were taken. */
  taken(bytes: number, counts: Counted): void;
  /** Resolves when these events or marks were dealt with. */
  show(what: Shown, bytes: Uint8Array): Promise<void>;
  /** These were found, and say this. */
  found(findings: readonly Finding[], phrases: Phrases): void;
  /** The report as if the export had ended with the last checkpoint. */
  report(outcome: Outcome): void;
  /** It went wrong. */
  fail(reason: unknown): void;
}

/** What an end leaves behind for those who still wait. */
export function never(): Promise<never> {
  return new Promise(() => {});
}
