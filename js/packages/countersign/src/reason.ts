/** Why a request failed, and whether to ask again. */

/** The system's word for why a request failed, where the runtime tells it. */
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
 * Whether what an HTTP status says passes, so that the same may be asked again. 421 does not: that another connection leads
 * to another server, `fetch` has tried, and a log says it to who calls it by a name that is not its own.
 */
export function passes(status: number): boolean {
  return [408, 425, 429].includes(status) || status >= 500;
}
