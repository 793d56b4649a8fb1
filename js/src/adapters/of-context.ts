/** The recorder of an invocation, found by its `ctx` where a framework stands between. */

import type { Audit } from "../record/audit.js";

const audits = new WeakMap<object, Audit>();

/** Remembers it for as long as there is the context. */
export function remember(context: unknown, audit: Audit): void {
  if (typeof context === "object" && context !== null) {
    audits.set(context, audit);
  }
}

/**
 * The recorder of the invocation with that `ctx`, for code that a framework calls without the handler's last argument.
 * There is one only within what `withCountersign` wraps.
 */
export function auditOf(context: object): Audit | undefined {
  return audits.get(context);
}
