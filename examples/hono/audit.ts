import process from "node:process";
import { createRecorder } from "countersign";
import { closeOnSignals, fileOutbox } from "countersign/node";

/** One recorder for the whole program. What it could not deliver is in the outbox, and goes out after the next start. */
export const audit = createRecorder({
  key: process.env.AUDIT_KEY ?? "",
  to: process.env.AUDIT_URL ?? "",
  log: process.env.AUDIT_LOG ?? "",
  outbox: fileOutbox(process.env.AUDIT_OUTBOX ?? "audit.outbox"),
});

closeOnSignals(audit);
