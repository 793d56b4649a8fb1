/** Error responses of an issuer's handler. */

import { CountersignError, type ErrorCode } from "../error.js";
import { repeatable } from "../foreign.js";

/** Error codes that a handler returns. */
const CODES: ReadonlySet<string> = new Set<ErrorCode>(["grant.refused", "grant.failed", "key.invalid", "name.invalid"]);

/** Returns the body of an error response. */
export function errorBody({ code, message, hint }: CountersignError): string {
  return JSON.stringify({ error: { code, message, hint } });
}

/** Parses an error response. */
export function asError(status: number, body: unknown): CountersignError {
  const { error } = (body ?? {}) as { error?: unknown };
  const { code, message, hint } = (error ?? {}) as { [name: string]: unknown };
  const known = typeof code === "string" && CODES.has(code) ? (code as ErrorCode) : undefined;
  const refused = status === 401 || status === 403;
  return new CountersignError(
    known ?? (refused ? "grant.refused" : "grant.failed"),
    repeatable(message) ?? `the server that grants keys returned HTTP status ${status}`,
    {
      hint:
        repeatable(hint) ??
        (refused ? "check that the user is signed in and allowed to record" : "see the server's log"),
    },
  );
}
