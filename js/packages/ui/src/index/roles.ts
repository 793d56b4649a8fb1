/** Messages between a page and the workers of its index. */

import type { WireError } from "@countersign/shared/rpc.js";
import type { Mark } from "@countersign/shared/verify.js";
import type { CompiledModule } from "@countersign/shared/wasm.js";
import type { KnownPiece } from "./export-bytes.js";
import type { Lines } from "./in-pieces.js";
import type { SignerFacts } from "./signer-trust.js";
import type {
  Column,
  Coverage,
  Order,
  QueryError,
  Row,
  SaveFormat,
  SearchResult,
  Suggestion,
  WholeRow,
} from "./types.js";

/** Role of a worker: the service keeps the index; builders send it segments. */
export type Role = { readonly role: "service" } | { readonly role: "builder"; readonly service: MessagePort };

/** Calls from the page to a builder. `begin` comes first. */
export interface BuilderWorker {
  begin(module: CompiledModule, role: Role): Promise<void>;
  /** Adds a batch. With `writesLines`, also writes its lines. */
  add(batch: Uint8Array<ArrayBuffer>, writesLines: boolean): void;
  /** Resolves when the service has everything that was added. */
  flush(): Promise<void>;
}

/** Calls from a builder to the service. */
export interface SegmentConsumer {
  /**
   * Accepts a segment. `parts` has the bytes of those of its events that the export doesn't contain as signed;
   * `lines` has the lines of all events, or none. Returns true if there is room for more lines.
   */
  accept(segment: Uint8Array<ArrayBuffer>, parts: readonly Blob[], lines: readonly Lines[]): boolean;
}

/** Calls from the page to the service. `begin` comes first. */
export interface IndexWorker {
  begin(module: CompiledModule, role: Role): Promise<void>;
  /** Sets the export that contains the events: a file, or undefined if its pieces are kept. */
  open(file: Blob | undefined): void;
  /** Registers a piece of the export. */
  know(nth: number, piece: KnownPiece): void;
  /** Accepts segments from a port. */
  join(builder: MessagePort): void;
  mark(marks: readonly Mark[]): void;
  settle(): void;
  /**
   * Starts a query with a unique `id`, unless it is invalid. Relative times count from `at`, in milliseconds since
   * 1970. Results are reported to the host.
   */
  ask(id: number, query: string, order: Order, at: number): QueryError | undefined;
  count(query: string): number | undefined;
  check(query: string): QueryError | undefined;
  toggled(query: string, column: Column, value: string): string;
  within(query: string, since: number | undefined, until: number | undefined): string;
  parts(query: string): readonly string[] | undefined;
  asksUntil(query: string, at: number): number | undefined;
  suggest(query: string, caret: number): readonly Suggestion[];
  rows(from: number, to: number, fields: readonly string[]): Promise<readonly Row[]>;
  row(at: number, known?: Row): Promise<WholeRow | undefined>;
  rowOf(line: number): number | undefined;
  lineOf(index: number): number | undefined;
  indexes(): Float64Array;
  coverage(): Coverage;
  lines(segment: number): Promise<readonly Lines[] | undefined>;
  save(id: number, as: SaveFormat, signers: SignerFacts | undefined): Promise<Blob>;
  cancel(id: number): void;
}

/** Calls from the worker to the page. */
export interface IndexHost {
  found(found: SearchResult): void;
  /** Reports that a query failed, because events couldn't be read. */
  unreadable(query: number, error: WireError): void;
  /** Reports the number of events saved so far. */
  saved(id: number, events: number): void;
  /** Reports an error outside a call. */
  fail(error: WireError): void;
}
