import { auditNext } from "countersign/next";
import { fileOutbox } from "countersign/node";
import { after } from "next/server";

// The recorder reads AUDIT_KEY, AUDIT_URL, and AUDIT_LOG. Events wait in the outbox until the log has them.
// On Vercel, AWS Lambda, and Netlify, replace the options by `() => ({})`: only /tmp is writable there, and it isn't
// kept. Events then wait in memory. For those that must not be lost, await audit.record(…).delivered().
export const options = () => ({ outbox: fileOutbox("audit.outbox") });

export const audited = auditNext(options, { after });
