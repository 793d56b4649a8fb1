import { memory } from "countersign";
import { auditNext } from "countersign/next";
import { after } from "next/server";

const key = "PRIVATE+KEY+example.com/recorder+7fca09ae+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";

/** Handlers and actions are bundled apart, and deliver to the same place. */
globalThis.delivered ??= memory();
export const to = globalThis.delivered;

// Only by `after` anything is delivered.
export const audited = auditNext(() => ({ key, origin: "log.example/audit", to, flush: false }), { after });
