import process from "node:process";
import { createRecorder } from "countersign";
import { closeOnSignals, fileOutbox } from "countersign/node";

/** One recorder for the whole program. Undelivered events stay in the outbox and are sent after the next start. */
export const audit = createRecorder({
  key: process.env.AUDIT_KEY ?? "",
  to: process.env.AUDIT_URL ?? "",
  log: process.env.AUDIT_LOG ?? "",
  outbox: fileOutbox(process.env.AUDIT_OUTBOX ?? "audit.outbox"),
});

closeOnSignals(audit);
