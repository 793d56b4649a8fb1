/** Reasons for failed requests, and whether to retry them. */

/** Returns the system's error code of a failed request, such as `ECONNREFUSED`, if the runtime exposes it. */
export function reason(cause: unknown): string | undefined {
  for (let at = cause, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth++) {
    const { code } = at as { code?: unknown };
    if (typeof code === "string" && /^[A-Za-z_]{3,40}$/.test(code)) {
      return code;
    }
  }
  return undefined;
}

/**
 * True if a request that got this HTTP status may be retried. 421 isn't retried: `fetch` already tries another
 * connection, and a log server uses 421 to reject a wrong host name.
 */
export function isRetryable(status: number): boolean {
  return [408, 425, 429].includes(status) || status >= 500;
}
