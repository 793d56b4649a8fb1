/** The error class of the package, and its codes. */

import type { CoreErrorCode } from "./codes.js";
import type { Evidence } from "./deliver/evidence.js";
import type { Phrases } from "./report.js";

/** A stable code of an error. */
export type ErrorCode =
  | CoreErrorCode
  // Errors of `verify` itself. Problems in an export are reported in its result instead.
  /** An option is invalid. */
  | "options.invalid"
  /** The source can't be read: it has the wrong type, is a failed response, or is a stream already in use. */
  | "source.invalid"
  /** The server denied access to the source (HTTP status 401 or 403), for example because a session has ended. */
  | "source.denied"
  /** Reading the export failed midway. */
  | "source.unreadable"
  /** The JavaScript engine is too old for this package. */
  | "engine.unsupported"
  /** WebAssembly could not be loaded. */
  | "wasm.unavailable"
  /** A worker could not be started. */
  | "worker.unavailable"
  /** A worker stopped unexpectedly. */
  | "worker.failed"
  /** A worker's script belongs to another version of the package. */
  | "worker.incompatible"
  // Errors in delivery, besides those that the log itself returns.
  /** The log server can't be reached. */
  | "log_server.unreachable"
  /** The log server did not respond in time. */
  | "log_server.timeout"
  /** The log server is overloaded. */
  | "log_server.busy"
  /** The log server reported an internal error. */
  | "log_server.failed"
  /** The log server's URL uses http on a public network. Only a warning. */
  | "log_server.cleartext"
  /** The response is not from a log server. */
  | "log_server.unexpected"
  /** The tenant's log has ended and accepts nothing. Its events stay in the outbox; other tenants' are delivered. */
  | "log.ended"
  /** The log lost entries that it had proven to contain. */
  | "log.rollback"
  /** Entries that a log server returned could not be verified. None of their events was passed on. */
  | "log.unverified"
  /** A batch exceeds the log server's size limit. */
  | "submit.too_large"
  /** This machine's clock is ahead of the log's. */
  | "clock.ahead"
  /** This machine's clock is behind the log's, or behind the start of its key's grant. */
  | "clock.behind"
  // Errors of tenants.
  /** The application's ID has no tenant log: `tenants` returned none, or one of another root log. */
  | "tenant.unknown"
  /** The tenant has another log than before. Its earlier events were recorded in the log that the outbox remembers. */
  | "tenant.changed"
  /** The tenant's log could not be looked up or created. */
  | "tenant.failed"
  // Errors of the recorder.
  /** A bug in the package. */
  | "recorder.failed"
  /** The program exited before events were delivered. */
  | "recorder.lost"
  /** The limit of waiting bytes is reached. */
  | "recorder.full"
  /** This recorder or runtime can't carry a context across asynchronous calls. */
  | "context.unavailable"
  /** The signer did not return a signature. */
  | "signer.failed"
  /** The transport did not accept the lines. */
  | "transport.failed"
  /** The WebAssembly module crashed, most likely for lack of memory. The recorder can't be used anymore. */
  | "wasm.failed"
  /** WebCrypto does not support Ed25519 here, or does not accept this key. */
  | "webcrypto.unavailable"
  // Errors in creating, storing, or granting keys.
  /** The browser does not store keys for this page. */
  | "key.unkept"
  /** The server refused to grant this key. */
  | "grant.refused"
  /** The server that grants keys can't be reached, or failed. */
  | "grant.failed"
  // Errors of a gate.
  /** There is no valid watchlist. */
  | "watchlist.stale"
  /** No newer watchlist can be fetched. */
  | "watchlist.unreachable"
  /** A bug in the package or in a callback passed to it. */
  | "gate.failed"
  /** Programs read the path of a request in different ways, so a gate rejects it. */
  | "path.ambiguous"
  // Errors of an outbox.
  /** Another recorder uses the outbox. */
  | "outbox.in_use"
  /** There is no space for the outbox: the disk is full, or the quota is used up. */
  | "outbox.full"
  /** The outbox's contents can't be read. */
  | "outbox.damaged"
  /** The outbox's storage failed. */
  | "outbox.failed"
  /**
   * The outbox can't be used where the program runs: its storage is read-only, not permitted, or missing. Events are
   * delivered from memory, unless the recorder is `required`.
   */
  | "outbox.unavailable";

/** Details of an error other than its code and message. */
export interface ErrorDetails {
  hint?: string | undefined;
  line?: number | undefined;
  member?: string | undefined;
  /** The message and the hint of the core as data. */
  phrases?: Phrases | undefined;
  /** Evidence against a log server. */
  evidence?: Evidence | undefined;
  cause?: unknown;
}

/** An error with a stable code and a hint. */
export class CountersignError extends Error {
  override readonly name = "CountersignError";
  /** A stable code for programs to compare. */
  readonly code: ErrorCode;
  /** Human-readable advice on how to fix the problem. */
  declare readonly hint: string | undefined;
  /** The line number in the input, from 1. */
  declare readonly line: number | undefined;
  /** The option or field in question. */
  declare readonly member: string | undefined;
  /** The application's ID of the tenant whose log or events are concerned, with the option `tenants`. */
  declare readonly tenant: string | undefined;
  /**
   * The heads of a tenant's log before and in an answer that was not accepted: with the code `log.rewritten`, and with
   * `proof.invalid` if the answer doesn't prove that the log only grew.
   */
  declare readonly evidence: Evidence | undefined;
  /** The message and the hint as data, if they come from the core. */
  declare readonly phrases: Phrases | undefined;

  constructor(code: ErrorCode, message: string, given: ErrorDetails = {}) {
    // Without a prototype, since a polluted one could add fields.
    const { hint, line, member, phrases, evidence, cause }: ErrorDetails = {
      __proto__: null,
      ...given,
    } as ErrorDetails;
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    // Node.js prints fields that are undefined, too.
    const details = Object.entries({ hint, line, member, evidence }).filter(([, value]) => value !== undefined);
    Object.assign(this, Object.fromEntries(details));
    if (phrases !== undefined) {
      // Not enumerable, so that JSON and other serializations don't include it.
      Object.defineProperty(this, "phrases", { value: phrases });
    }
  }

  /** Returns the error as JSON with its message, without stack and cause. */
  toJSON(): object {
    return { ...this, message: this.message };
  }
}

/** Returns the error for an invalid option. */
export function refused(member: string | undefined, message: string, hint: string): CountersignError {
  return new CountersignError("options.invalid", message, { member, hint });
}

/** Throws `options.invalid` unless the condition holds. */
export function must(isRight: boolean, member: string | undefined, message: string, hint: string): asserts isRight {
  if (!isRight) {
    throw refused(member, message, hint);
  }
}

/** Throws unless the value is a non-negative number of milliseconds. */
export function mustBeMillis(value: unknown, option: string): asserts value is number {
  const isTime = typeof value === "number" && value >= 0;
  const message = `\`${option}\` must be a non-negative number of milliseconds`;
  must(isTime, option, message, "pass a number such as 5000, or omit it");
}

/** Throws unless these options are functions or absent. */
export function mustCall(options: object, ...members: readonly string[]): void {
  for (const member of members) {
    const value = (options as Record<string, unknown>)[member];
    must(
      value === undefined || typeof value === "function",
      member,
      `\`${member}\` must be a function`,
      "pass a callback, or omit it",
    );
  }
}

/** Returns a `CountersignError` unchanged, and wraps any other value. */
export function coded(cause: unknown, code: ErrorCode, message: string, hint: string): CountersignError {
  return cause instanceof CountersignError ? cause : new CountersignError(code, message, { hint, cause });
}

/** Converts an error of the core to a `CountersignError`; undefined for other errors. */
export function ofCore(error: unknown): CountersignError | undefined {
  const isCoded = error instanceof Error && !(error instanceof WebAssembly.RuntimeError) && "code" in error;
  // The code of a DOMException is a number.
  if (!isCoded || typeof error.code !== "string") {
    return undefined;
  }
  const { code, message, hint, line, member, phrases } = error as Error & ErrorDetails & { code: ErrorCode };
  return error instanceof CountersignError
    ? error
    : new CountersignError(code, message, { hint, line, member, phrases });
}

/** An error as plain data, for other threads and for display. Errors of other origin have no code. */
export interface PlainError {
  readonly code: string | undefined;
  readonly message: string;
  readonly hint: string | undefined;
  readonly line: number | undefined;
  readonly member: string | undefined;
  readonly phrases: Phrases | undefined;
}

/** Returns the plain data of any thrown value. */
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

/** Formats an error as one line for the console, prefixed with `about`. */
export function asLine({ code, message, hint }: CountersignError, about = ""): string {
  return `countersign: ${about}${code}: ${message}${hint === undefined ? "" : ` (${hint})`}`;
}

/** Returns a callback that writes errors to the console, without repeating the same code in a row. */
export function consoleReporter(
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

/** Calls `onError` and survives errors in it. */
export function callOnError(onError: (error: CountersignError) => void, error: CountersignError): void {
  try {
    onError(error);
  } catch (cause) {
    console.error(`countersign: onError threw an error while handling ${error.code}: ${error.message}:`, cause);
  }
}
