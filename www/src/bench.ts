import { plainError } from "@countersign/shared/error.js";
import { Session, type SessionOptions, type Tools } from "@countersign/ui/viewer/session/session.js";
import type { Bench } from "./state/case.ts";
import type { Memory } from "./state/memory.ts";

/** What a case works with in a browser. */
export function benchOf(workers: Tools, memory: Memory, rules: () => SessionOptions["rules"]): Bench {
  return {
    session: (file, given) => new Session(file, { ...given, rules: rules() }, workers),
    hold: (file, given) => workers.verify(file, given),
    sha256: async (file, signal) => await workers.slicer?.().sha256(file, { signal }),
    memory,
    failure: plainError,
    now: () => new Date(),
  };
}
