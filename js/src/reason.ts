/** Why a request failed. */

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
