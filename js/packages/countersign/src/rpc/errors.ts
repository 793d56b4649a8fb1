/** Errors that cross between threads, with their stacks and their causes. */

import { CountersignError, type ErrorCode, type PlainError, plainError } from "../error.js";

/** The sender of a response: a kind of worker, or the host that started the workers. */
export type Peer = "verifier" | "index" | "slicer" | "analyzer" | "overview" | "host";

/** An error in the form in which it is sent to another thread. */
export interface WireError extends PlainError {
  readonly name: string | undefined;
  readonly stack: string | undefined;
  readonly cause: WireError | undefined;
}

/** Maximum number of nested causes sent with an error. Causes can be circular. */
const MAX_CAUSES = 8;

/** Converts an error to plain data. */
export function serializeError(error: unknown, causes = MAX_CAUSES): WireError {
  const { name, stack, cause } = Object(error) as { name?: unknown; stack?: unknown; cause?: unknown };
  return {
    ...plainError(error),
    name: typeof name === "string" ? name : undefined,
    stack: typeof stack === "string" ? stack : undefined,
    cause: cause === undefined || causes === 0 ? undefined : serializeError(cause, causes - 1),
  };
}

/**
 * Restores an error from a peer. An error without a code becomes the cause of a `worker.failed` that names the peer.
 */
export function deserializeError(wire: WireError, peer: Peer): CountersignError {
  const error = restore(wire);
  return error instanceof CountersignError ? error : peerFailed(peer, wire.message, error);
}

/** Returns an error with a code unchanged. Any other becomes the cause of a `worker.failed` that names the peer. */
export function codedBy(peer: Peer, error: unknown): CountersignError {
  return error instanceof CountersignError ? error : deserializeError(serializeError(error), peer);
}

/** Returns the error for a failed peer. */
export function peerFailed(peer: Peer, message: string, cause: unknown): CountersignError {
  return new CountersignError("worker.failed", `the ${peer} failed: ${message}`, {
    hint: "check whether it ran out of memory; if it fails again with the same file, report it as a bug",
    cause,
  });
}

/** Returns the error for a call to a method that the peer doesn't have. */
export function unknownMethod(peer: Peer, method: string): CountersignError {
  return new CountersignError("worker.incompatible", `the ${peer} has no method ${JSON.stringify(method)}`, {
    hint: "deploy all files of the package together and reload the page, because the scripts are of different versions",
  });
}

function restore({ name, code, message, hint, line, member, phrases, stack, cause: wireCause }: WireError): Error {
  const cause = wireCause === undefined ? undefined : restore(wireCause);
  const error = isErrorCode(code)
    ? new CountersignError(code, message, { hint, line, member, phrases, cause })
    : new Error(message, cause === undefined ? undefined : { cause });
  // Not enumerable, as in the original error, so that JSON and other serializations don't include it.
  const hide = (field: "name" | "stack" | "code", value: string | undefined) => {
    if (value !== undefined) {
      Object.defineProperty(error, field, { value, writable: true, configurable: true });
    }
  };
  hide("stack", stack);
  if (!(error instanceof CountersignError)) {
    hide("name", name);
    hide("code", code);
  }
  return error;
}

/**
 * True for codes of the package, such as `source.invalid`, as opposed to those of Node.js, such as `ERR_OUT_OF_RANGE`.
 */
function isErrorCode(code: string | undefined): code is ErrorCode {
  return code !== undefined && /^[a-z0-9_]+\.[a-z0-9_.]+$/.test(code);
}
