"use server";

import { audited } from "../audited/recorder.js";

export const run = audited(async (id, audit) => {
  audit.record({ action: "job.trigger", target: { type: "job", id } });
  return `ran ${id}`;
});
