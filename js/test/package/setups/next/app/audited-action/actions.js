"use server";

import { audited } from "../audited/recorder.js";

export const run = audited.action(async (audit, id) => {
  audit.record({ action: "job.trigger", target: { type: "job", id } });
  return `ran ${id}`;
});
