import { auditNext } from "countersign/next";
import { fileOutbox } from "countersign/node";
import { after } from "next/server";

// The recorder reads AUDIT_KEY, AUDIT_URL, and AUDIT_LOG. Events wait in the outbox until the log has them.
export const options = () => ({ outbox: fileOutbox("audit.outbox") });

export const audited = auditNext(options, { after });
