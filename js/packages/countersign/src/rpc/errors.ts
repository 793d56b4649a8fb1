/** Errors that cross between threads, with their stacks and their causes. */

import { CountersignError, type ErrorCode, type PlainError, plainError } from "../error.js";

/** Who answers calls: a kind of worker, or the host that started the workers. */
export type Peer = "verifier" | "index" | "slicer" | "analyzer" | "overview" | "host";

/** An error as it crosses to another thread. */
export interface WireError extends PlainError {
  readonly name: string | undefined;
  readonly stack: string | undefined;
  readonly cause: WireError | undefined;
}

/** Causes of causes that cross with an error. Causes can form a circle. */
const MAX_CAUSES = 8;

/** Returns an error as plain data. */
export function serializeError(error: unknown, causes = MAX_CAUSES): WireError {
  const { name, stack, cause } = Object(error) as { name?: unknown; stack?: unknown; cause?: unknown };
  return {
    ...plainError(error),
    name: typeof name === "string" ? name : undefined,
    stack: typeof stack === "string" ? stack : undefined,
    cause: cause === undefined || causes === 0 ? undefined : serializeError(cause, causes - 1),
  };
}

/** Returns the error that a peer threw. One without a code becomes the cause of a `worker.failed` that names the peer. */
export function deserializeError(wire: WireError, peer: Peer): CountersignError {
  const error = restore(wire);
  return error instanceof CountersignError ? error : peerFailed(peer, wire.message, error);
}

/** Returns an error with a code unchanged, and any other as the cause of a `worker.failed` that names the peer. */
export function codedBy(peer: Peer, error: unknown): CountersignError {
  return error instanceof CountersignError ? error : deserializeError(serializeError(error), peer);
}

/** Returns the error of a peer that failed. */
export function peerFailed(peer: Peer, message: string, cause: unknown): CountersignError {
  return new CountersignError("worker.failed", `the ${peer} failed: ${message}`, {
    hint: "it may have run out of memory; if it fails again with the same file, report it as a bug",
    cause,
  });
}

/** Returns the error of a call to a method that the peer doesn't have. */
export function unknownMethod(peer: Peer, method: string): CountersignError {
  return new CountersignError("worker.incompatible", `the ${peer} has no method ${JSON.stringify(method)}`, {
    hint: "the scripts are of different versions of the package: deploy all its files together, then reload the page",
  });
}

function restore({ name, code, message, hint, line, member, phrases, stack, cause: wireCause }: WireError): Error {
  const cause = wireCause === undefined ? undefined : restore(wireCause);
  const error = isErrorCode(code)
    ? new CountersignError(code, message, { hint, line, member, phrases, cause })
    : new Error(message, cause === undefined ? undefined : { cause });
  // Like an error's own: what enumerates fields, such as JSON, doesn't see them.
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

/** True for the package's codes, such as `source.invalid`; Node.js has its own, such as `ERR_OUT_OF_RANGE`. */
function isErrorCode(code: string | undefined): code is ErrorCode {
  return code !== undefined && /^[a-z0-9_]+\.[a-z0-9_.]+$/.test(code);
}
