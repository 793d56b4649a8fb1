/** Responses that aren't what a viewer asked for. */

import { readAtMost } from "@countersign/shared/bytes.js";
import { CountersignError, type ErrorCode } from "@countersign/shared/error.js";
import { jsonOf, repeatable } from "@countersign/shared/foreign.js";
import { sourceError } from "./source-error.js";

/** Maximum length of an error. */
const MAX_ERROR_BYTES = 64 << 10;
/** Code of a log's error. */
const CODE = /^[a-z][a-z_.]{1,60}$/;
/** Codes of a log's errors with the statuses 401 and 403. */
const OF_LOG = /^request\.(unauthenticated|forbidden)$/;
/** Maximum delay that a server can ask for, in milliseconds. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/** A refusal of a request. */
export interface Refusal {
  /** The server's own error, or one with the status. */
  readonly error: CountersignError;
  /** The parameter or header that the log refused, if it names one. */
  readonly parameter: string | undefined;
}

/**
 * Reads the refusal in a response with an error status. If the status is 401 or 403, the code is `source.denied` unless
 * the log itself refused its token: pages have one code to wait for when a session has ended. `other` creates the error for a status that says nothing about
 * the reader or the server's state, such as 404.
 */
export async function refusalIn(response: Response, other = otherStatus): Promise<Refusal> {
  const body = await readAtMost(response.body, MAX_ERROR_BYTES).catch(() => undefined);
  const { error, parameter }: Record<string, unknown> = Object(jsonOf(new TextDecoder().decode(body)));
  const { code, message, hint }: Record<string, unknown> = Object(error);
  const says = repeatable(message);
  return {
    error:
      typeof code === "string" && CODE.test(code) && says !== undefined
        ? new CountersignError(codeFor(response.status, code), says, { hint: repeatable(hint) })
        : errorOf(response.status, other),
    parameter: typeof parameter === "string" ? parameter : undefined,
  };
}

function codeFor(status: number, code: string): ErrorCode {
  return isDenied(status) && !OF_LOG.test(code) ? "source.denied" : (code as ErrorCode);
}

function isDenied(status: number): boolean {
  return status === 401 || status === 403;
}

function errorOf(status: number, other: typeof otherStatus): CountersignError {
  if (isDenied(status)) {
    return sourceError("source.denied", "source.status", { hint: "hint.source.denied", values: { status } });
  }
  // The server or a proxy can't answer now.
  if (status === 408 || status === 429 || status >= 500) {
    return sourceError("source.invalid", "source.status", { hint: "hint.source.later", values: { status } });
  }
  return other(status);
}

function otherStatus(status: number): CountersignError {
  return sourceError("source.invalid", "source.status", { hint: "hint.source.access", values: { status } });
}

/** Throws if the response is a web page, such as a form to log in, in place of data. */
export function refusePage(response: Response, code: ErrorCode = "source.invalid"): Response {
  const type = typeOf(response);
  if (type === "text/html" || type === "application/xhtml+xml") {
    void response.body?.cancel().catch(() => {});
    throw sourceError(code, "source.page", { hint: "hint.source.page", values: { type } });
  }
  return response;
}

/** Throws unless the response is an event stream. */
export function refuseOtherThanStream(response: Response): void {
  if (!isEventStream(response)) {
    void response.body?.cancel().catch(() => {});
    const values = { type: typeOf(response) };
    throw sourceError("source.invalid", "source.type", { hint: "hint.source.access", values });
  }
}

/** True if the response doesn't end. */
export function isEventStream(response: Response): boolean {
  return typeOf(response) === "text/event-stream";
}

/** Returns the milliseconds in `Retry-After`: seconds, or the time until a date by the server's own clock. */
export function retryAfterMs({ headers }: Response): number {
  const after = headers.get("retry-after")?.trim() ?? "";
  const ms = /^\d{1,10}$/.test(after)
    ? Number(after) * 1000
    : Date.parse(after) - (Date.parse(headers.get("date") ?? "") || Date.now());
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}

/** Returns the content type without parameters. */
function typeOf({ headers }: Response): string {
  return headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase() || "no content type";
}
