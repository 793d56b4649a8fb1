/** What a page and the worker that keeps its index ask each other. */

import type { WireError } from "@countersign/shared/rpc.js";
import type { Mark } from "@countersign/shared/verify.js";
import type { CompiledModule } from "@countersign/shared/wasm.js";
import type { KnownPiece } from "./export-bytes.js";
import type { Lines } from "./in-pieces.js";
import type { Signers } from "./signer-trust.js";
import type { Column, Coverage, Found, Order, Refusal, Row, SavedAs, Suggestion, WholeRow } from "./types.js";

/** What a worker is there for: to keep the index, or to make segments of it, which go from worker to worker. */
export type Role = { readonly role: "service" } | { readonly role: "builder"; readonly service: MessagePort };

/** What the page asks of a worker that makes segments: first to begin. */
export interface BuilderWorker {
  begin(module: CompiledModule, role: Role): Promise<void>;
  /** `writes` their lines too. */
  add(batch: Uint8Array<ArrayBuffer>, writes: boolean): void;
  /** Resolves when the service has all that was added. */
  flush(): Promise<void>;
}

/** What a worker that makes segments asks of the service. */
export interface SegmentTaker {
  /**
   * The bytes are those of the events in the segment that do not stand in the export, the lines those of all or of none.
   * Says whether there is room for more lines.
   */
  take(segment: Uint8Array<ArrayBuffer>, parts: readonly Blob[], lines: readonly Lines[]): boolean;
}

/** What the page asks of the worker that keeps the index: first to begin. */
export interface IndexWorker {
  begin(module: CompiledModule, role: Role): Promise<void>;
  /** Events are going to be those of an export: of this file, or of pieces that are kept. */
  open(file: Blob | undefined): void;
  /** A piece of it is known. */
  know(nth: number, piece: KnownPiece): void;
  /** Segments will come from there. */
  join(builder: MessagePort): void;
  mark(marks: readonly Mark[]): void;
  settle(): void;
  /** Asks, unless it is refused. What is found is told. `question` is a number that no other has. */
  ask(question: number, query: string, order: Order): Refusal | undefined;
  check(query: string): Refusal | undefined;
  toggled(query: string, column: Column, value: string): string;
  within(query: string, since: number | undefined, until: number | undefined): string;
  parts(query: string): readonly string[] | undefined;
  suggest(query: string, caret: number): readonly Suggestion[];
  rows(from: number, to: number, fields: readonly string[]): Promise<readonly Row[]>;
  row(at: number, known?: Row): Promise<WholeRow | undefined>;
  rowOf(line: number): number | undefined;
  lineOf(index: number): number | undefined;
  indexes(): Float64Array;
  coverage(): Coverage;
  lines(segment: number): Promise<readonly Lines[] | undefined>;
  save(id: number, as: SavedAs, signers: Signers | undefined): Promise<Blob>;
  cancel(id: number): void;
}

/** What the worker tells the page. */
export interface IndexHost {
  found(found: Found): void;
  /** A question cannot be answered: events cannot be read. */
  unread(question: number, error: WireError): void;
  /** How many events are written. */
  saved(id: number, events: number): void;
  /** It went wrong while nothing was asked for. */
  fail(error: WireError): void;
}
