/**
 * What the host, its workers, and the workers among each other say.
 *
 * One worker alone verifies all of an export. Several share it out: a coordinator cuts the export into stretches and
 * takes their summaries in order, summarizers make them (SPEC section 10). Stretches go from the coordinator to
 * the summarizers directly; the host only feeds the coordinator.
 *
 * Chunks and stretches are moved, not copied, and their buffers come back to be used again: buffers that are left
 * to collectors pile up in a browser's process, several times the memory that verifying needs.
 */

import type { CompiledModule } from "../artefact/load.js";
import type { Finding, Report } from "../report.js";

/** Options as they cross to a worker. */
export interface Task {
  /** A trust file's bytes. */
  trust: Uint8Array | undefined;
  /** Checkpoints that were verified before. */
  pins: string[];
  expect: { origin?: string; range?: [number, number]; maxAgeSeconds?: number; now?: string } | undefined;
  /** What is to be handed out, and whether the export goes on and there are to be reports along the way. */
  wants: { events: boolean; marks: boolean; findings: boolean; live: boolean };
  /** Whether an age is measured at the moment of each report. */
  measuresNow: boolean;
}

/** What a worker is there for. */
export type Role =
  | { role: "single"; task: Task }
  | { role: "coordinator"; task: Task; summarizers: MessagePort[] }
  | { role: "summarizer"; trust: Uint8Array | undefined; coordinator: MessagePort };

/** From the host to a worker. The first message says what the worker is. */
export type ToWorker = { type: "begin"; module: CompiledModule; role: Role } | Feed;

/** From the host to the worker that it feeds. */
export type Feed =
  | { type: "chunk"; bytes: Uint8Array }
  | { type: "end" }
  /** So many bytes of events or marks were dealt with. */
  | { type: "shown"; bytes: number };

/** From a worker to the host. */
export type FromWorker =
  | { type: "ready" }
  /** So many bytes were taken; `spent` is the buffer of a chunk that was taken whole. */
  | { type: "taken"; bytes: number; counts: Counted; spent: ArrayBuffer | undefined }
  | { type: Shown; bytes: Uint8Array }
  | { type: "findings"; findings: Finding[] }
  /** The report as if the export had ended with the last checkpoint. */
  | { type: "report"; outcome: Outcome }
  | { type: "done"; outcome: Outcome }
  | { type: "failed"; error: PlainError };

/** What is handed out in batches. */
export type Shown = "events" | "marks";

/** How far verifying came: lines that are not blank, and the events on them. */
export interface Counted {
  lines: number;
  events: number;
}

/** The end of verifying. */
export interface Outcome {
  report: Report;
  pin: string | null;
}

/** From the coordinator to a summarizer. */
export type ToSummarizer =
  | { type: "origin"; origin: string }
  | { type: "opened"; opened: Uint8Array }
  | { type: "stretch"; number: number; stretch: Uint8Array<ArrayBuffer> };

/** From a summarizer to the coordinator: the stretch comes back, and its summary where it can in the same buffer. */
export interface FromSummarizer {
  number: number;
  summary: Uint8Array;
  stretch: Uint8Array<ArrayBuffer>;
}

/** An error as it crosses; `code` is there when the core refused something. */
export interface PlainError {
  code: string | undefined;
  message: string;
  hint: string | undefined;
  line: number | undefined;
  member: string | undefined;
}

/** How many bytes of events and marks may be on their way to who shows them. */
export const SHOWN_UNDER_WAY = 4 << 20;

/** What can be moved with a message. */
export type Movable = ArrayBuffer | MessagePort;

/** What is to be moved with a message, not copied: the buffers of these bytes. */
export function moved(...bytes: Uint8Array[]): Movable[] {
  return [...new Set(bytes.map(({ buffer }) => buffer as ArrayBuffer))];
}

/** Says an error in a form that can cross. */
export function plainError(error: unknown): PlainError {
  const { code, message, hint, line, member } = error as Partial<Record<keyof PlainError, unknown>>;
  const text = (value: unknown) => (typeof value === "string" ? value : undefined);
  return {
    code: text(code),
    message: text(message) ?? String(error),
    hint: text(hint),
    line: typeof line === "number" ? line : undefined,
    member: text(member),
  };
}
