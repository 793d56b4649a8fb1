import { plainError } from "@countersign/shared/error.js";
import { Session, type SessionOptions, type Tools } from "@countersign/ui/viewer/session/session.js";
import { ownDetections } from "./evidence/own-detections.ts";
import type { CaseTools } from "./state/case.ts";
import type { Memory } from "./state/memory.ts";

/** Returns the tools of a case in a browser. */
export function caseTools(workers: Tools, memory: Memory, rules: () => SessionOptions["rules"]): CaseTools {
  return {
    session: (file, input) => new Session(file, { ...input, rules: rules(), keepsArchive: true }, workers),
    hold: (file, input) => workers.verify(file, input),
    detect: (rules, trust, signal) => ownDetections(workers, rules, trust, signal),
    sha256: async (file, signal) => await workers.slicer?.().sha256(file, { signal }),
    memory,
    failure: plainError,
    now: () => new Date(),
  };
}
