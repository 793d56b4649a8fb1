/** What an issuer's handler answers where it grants nothing. */

import { CountersignError, type ErrorCode } from "../error.js";

/** At most so much of what a server says is repeated. */
const REPEATED = 300;

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
  const text = (value: unknown) => (typeof value === "string" ? value.slice(0, REPEATED) : undefined);
  const known = typeof code === "string" && CODES.has(code) ? (code as ErrorCode) : undefined;
  const refused = status === 401 || status === 403;
  return new CountersignError(
    known ?? (refused ? "grant.refused" : "grant.failed"),
    text(message) ?? `the server that grants keys answered with status ${status}`,
    { hint: text(hint) ?? (refused ? "is the session signed in, and allowed to record?" : "see the server's own log") },
  );
}
