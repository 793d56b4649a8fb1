import type { TrustCompared } from "@countersign/ui/viewer/session/trust-compared.js";
import type { Judged } from "countersign/verify";
import type { Part } from "../state/case.ts";
import type { FiledFacts } from "./filed-facts.ts";
import type { Detections } from "./frame.ts";
import type { OwnAnswer } from "./own-answer.ts";

/** State of the reader's own verification of the export in an evidence file. */
export type OwnCheck =
  | { readonly is: "running" }
  /** It was canceled, or it failed. */
  | { readonly is: "stopped" }
  | {
      readonly is: "done";
      readonly judged: Judged;
      /** The reader's keys beside those that signed. */
      readonly compared: TrustCompared | undefined;
      readonly answer: OwnAnswer | undefined;
      /** Facts from the events that the file is about; undefined if it lists none, or they can't be read. */
      readonly facts: FiledFacts | undefined;
      /** Result of the rules by the reader's trust file, if that is not the one in the file. */
      readonly detections: Detections | undefined;
    };

/** Returns the result of verifying the export in an evidence file, which has a verdict. */
export function finishedCheck(
  { session, ownAnswer, filedFacts, ownDetections }: Part,
  judged: Judged,
): Extract<OwnCheck, { is: "done" }> {
  return {
    is: "done",
    judged,
    compared: session?.compared,
    answer: ownAnswer,
    facts: filedFacts,
    detections: ownDetections,
  };
}
