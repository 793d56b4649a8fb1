import { appendFileSync } from "node:fs";
import { auditLambda } from "countersign/lambda";
import { guard } from "../options.mjs";

/** A log server that takes its time, and is down where the environment says so. */
const to = async (chunk) => {
  await new Promise((resolve) => setTimeout(resolve, 50));
  if (process.env.DOWN) {
    throw new Error("the log server is down");
  }
  appendFileSync(process.env.EXPORT, chunk);
};
const key = "PRIVATE+KEY+example.com/recorder+7fca09ae+AQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH";
const settings = { required: process.env.REQUIRED === "1", retryForMs: 2_000, http: { gate: guard } };

export const handler = auditLambda(
  () => ({ key, origin: "log.example/audit", to, onError: ({ code }) => console.error(code) }),
  async ({ id }, _, audit) => {
    audit.record({ action: "job.delete", target: { type: "job", id } });
    if (id === "fails") {
      throw new Error("of the handler's");
    }
    return "deleted";
  },
  settings,
);
