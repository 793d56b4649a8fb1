/** The package's one error class, and every code that it can have. */

import type { CoreErrorCode } from "./codes.js";
import type { Phrases } from "./report.js";

/** A stable word for what went wrong. */
export type ErrorCode =
  | CoreErrorCode
  // What keeps `verify` from verifying. What is wrong with an export is no error: the report says it.
  /** An option is not what it should be. */
  | "options.invalid"
  /** There is nothing in what was given that could be read: another type, a failed response, a stream in use. */
  | "source.invalid"
  /** Reading the export failed on the way. */
  | "source.unreadable"
  /** The JavaScript engine is too old for this package. */
  | "engine.unsupported"
  /** WebAssembly could not be loaded. */
  | "wasm.unavailable"
  /** A worker could not be started. */
  | "worker.unavailable"
  /** A worker ended unexpectedly. */
  | "worker.failed"
  /** A worker's script is of another version of the package. */
  | "worker.incompatible"
  // What keeps events from coming into a log, beside what the log itself refuses.
  /** The log server cannot be reached. */
  | "log_server.unreachable"
  /** It did not answer in time. */
  | "log_server.timeout"
  /** It has too much to do. */
  | "log_server.busy"
  /** It answers that it failed. */
  | "log_server.failed"
  /** Its address is one of a public network, and begins with http. Nothing fails by that. */
  | "log_server.cleartext"
  /** What answers is no log server. */
  | "log_server.unexpected"
  /** The log lost what it had proven to hold. */
  | "log.rollback"
  /** A batch is larger than the log server takes. */
  | "submit.too_large"
  /** This machine's clock is ahead of the log's. */
  | "clock.ahead"
  /** This machine's clock is behind the log's, or behind what its key was granted. */
  | "clock.behind"
  // What keeps a recorder from recording or from handing on.
  /** A defect of the package. */
  | "recorder.failed"
  /** The program ended, and events that were not delivered with it. */
  | "recorder.lost"
  /** More waits to be handed on than may. */
  | "recorder.full"
  /** Nothing here follows what is called and waited for, so that a context would be left behind. */
  | "context.unavailable"
  /** The signer gave no signature. */
  | "signer.failed"
  /** The transport did not take the lines. */
  | "transport.failed"
  /** WebAssembly stopped, for want of memory most likely. The recorder is of no more use. */
  | "wasm.failed"
  /** WebCrypto has no Ed25519 here, or does not take this key. */
  | "webcrypto.unavailable"
  // What keeps a key from being made, kept or granted.
  /** The browser keeps nothing for this page. */
  | "key.unkept"
  /** The server does not grant this key. */
  | "grant.refused"
  /** The server that grants keys cannot be reached, or failed. */
  | "grant.failed"
  // What keeps a gate from deciding as it should.
  /** There is no watchlist that holds. */
  | "watchlist.stale"
  /** No newer watchlist can be fetched. */
  | "watchlist.unreachable"
  /** A defect of the package, or of what was given to it. */
  | "gate.failed"
  // What keeps an outbox from keeping.
  /** Another recorder has it. */
  | "outbox.in_use"
  /** There is no room: the disk is full, or the quota used up. */
  | "outbox.full"
  /** What is in it cannot be read as it was written. */
  | "outbox.damaged"
  /** The storage is not there, not allowed, or failed. */
  | "outbox.failed";

/** What an error can say beside its code and message. */
export interface ErrorDetails {
  hint?: string | undefined;
  line?: number | undefined;
  member?: string | undefined;
  /** What the core says to people, as data. */
  phrases?: Phrases | undefined;
  cause?: unknown;
}

/** An error with a stable code, and what to do about it. */
export class CountersignError extends Error {
  override readonly name = "CountersignError";
  /** What went wrong, as a word that programs may compare. */
  readonly code: ErrorCode;
  /** What to do about it, for people. */
  declare readonly hint: string | undefined;
  /** The line of the input, 1-based. */
  declare readonly line: number | undefined;
  /** The member in question. */
  declare readonly member: string | undefined;
  /** The message and the hint as data, where the core said them. */
  declare readonly phrases: Phrases | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    // Without a prototype, which something else may have given such fields.
    const { hint, line, member, phrases, cause }: ErrorDetails = { __proto__: null, ...details } as ErrorDetails;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    // Node.js prints members that have no value, too.
    const said = Object.entries({ hint, line, member }).filter(([, value]) => value !== undefined);
    Object.assign(this, Object.fromEntries(said));
    if (phrases !== undefined) {
      // It says nothing more: what enumerates fields, such as JSON, doesn't see it.
      Object.defineProperty(this, "phrases", { value: phrases });
    }
  }

  /** As JSON with its message, which an error's own JSON lacks; without its stack and its cause. */
  toJSON(): object {
    return { ...this, message: this.message };
  }
}

/** The error for an option that cannot be used. */
export function refused(member: string | undefined, message: string, hint: string): CountersignError {
  return new CountersignError("options.invalid", message, { member, hint });
}

/** Refuses an option that is not right. */
export function must(isRight: boolean, member: string | undefined, message: string, hint: string): asserts isRight {
  if (!isRight) {
    throw refused(member, message, hint);
  }
}

/** Refuses an option that is no number of milliseconds. */
export function mustBeMillis(value: unknown, option: string): asserts value is number {
  const isTime = typeof value === "number" && value >= 0;
  const message = `${option} must be a non-negative number of milliseconds`;
  must(isTime, option, message, "give a number such as 5000, or leave it out");
}

/** Refuses what is neither a function nor left out. */
export function mustCall(given: object, ...members: readonly string[]): void {
  for (const member of members) {
    const value = (given as Record<string, unknown>)[member];
    must(value === undefined || typeof value === "function", member, "no function", `${member} is a callback`);
  }
}

/** What was thrown where it says what went wrong, and else an error that does. */
export function coded(cause: unknown, code: ErrorCode, message: string, hint: string): CountersignError {
  return cause instanceof CountersignError ? cause : new CountersignError(code, message, { hint, cause });
}

/** An error of the core's, which has a code, as one of the package's own. */
export function ofCore(error: unknown): CountersignError | undefined {
  if (!(error instanceof Error) || error instanceof WebAssembly.RuntimeError || !("code" in error)) {
    return undefined;
  }
  const { code, message, hint, line, member, phrases } = error as Error & ErrorDetails & { code: ErrorCode };
  return error instanceof CountersignError
    ? error
    : new CountersignError(code, message, { hint, line, member, phrases });
}

/** An error as plain data: as it crosses to another thread, and as pages show it. Without a code it is nobody's refusal. */
export interface PlainError {
  readonly code: string | undefined;
  readonly message: string;
  readonly hint: string | undefined;
  readonly line: number | undefined;
  readonly member: string | undefined;
  readonly phrases: Phrases | undefined;
}

/** What can be told of whatever was thrown. */
export function plainError(error: unknown): PlainError {
  const { code, message, hint, line, member, phrases } = Object(error) as Partial<Record<keyof PlainError, unknown>>;
  const text = (value: unknown) => (typeof value === "string" && value !== "" ? value : undefined);
  return {
    code: text(code),
    message: text(message) ?? String(error),
    hint: text(hint),
    line: typeof line === "number" ? line : undefined,
    member: text(member),
    phrases: typeof phrases === "object" && phrases !== null ? (phrases as Phrases) : undefined,
  };
}

/** An error as a line of the console, with what it is about where that is not plain. */
export function asLine({ code, message, hint }: CountersignError, about = ""): string {
  return `countersign: ${about}${code}: ${message}${hint === undefined ? "" : ` (${hint})`}`;
}

/** Writes what failed on the console, and not again until something of another code does. */
export function teller(
  about?: string,
  write: (line: string) => void = (line) => console.warn(line),
): (error: CountersignError) => void {
  let last = "";
  return (error) => {
    if (error.code !== last) {
      last = error.code;
      write(asLine(error, about));
    }
  };
}

/** Calls what a program gave to be told of errors. Whatever that does, the work goes on. */
export function tell(onError: (error: CountersignError) => void, error: CountersignError): void {
  try {
    onError(error);
  } catch (cause) {
    console.error(`countersign: onError failed when it was told of ${error.code}: ${error.message}:`, cause);
  }
}
