/** What an issuer's handler answers where it grants nothing. */

import { CountersignError, type ErrorCode } from "../error.js";
import { repeatable } from "../foreign.js";

/** The codes that a handler gives. */
const CODES: ReadonlySet<string> = new Set<ErrorCode>(["grant.refused", "grant.failed", "key.invalid", "name.invalid"]);

/** The body of an answer that is an error. */
export function errorBody({ code, message, hint }: CountersignError): string {
  return JSON.stringify({ error: { code, message, hint } });
}

/** The error that an answer is. */
export function asError(status: number, body: unknown): CountersignError {
  const { error } = (body ?? {}) as { error?: unknown };
  const { code, message, hint } = (error ?? {}) as { [name: string]: unknown };
  const known = typeof code === "string" && CODES.has(code) ? (code as ErrorCode) : undefined;
  const refused = status === 401 || status === 403;
  return new CountersignError(
    known ?? (refused ? "grant.refused" : "grant.failed"),
    repeatable(message) ?? `the server that grants keys answered with status ${status}`,
    {
      hint:
        repeatable(hint) ?? (refused ? "is the session signed in, and allowed to record?" : "see the server's own log"),
    },
  );
}
