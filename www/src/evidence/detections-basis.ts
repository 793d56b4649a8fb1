import type { Report } from "countersign/verify";
import { type AnswerBasis, answerBasis, type Doubt } from "./answer.ts";
import type { Detections } from "./frame.ts";

/** Returns the basis of the result, with each reason why there may be more findings. */
export function detectionBasis(
  report: Report,
  { coverage, limits, future }: Detections,
  range: readonly [number, number] | null,
): AnswerBasis {
  const basis = answerBasis(
    report,
    { events: coverage.events, unrecognized: 0 },
    { query: "", until: undefined },
    range,
  );
  const doubts: Doubt[] = [];
  if (coverage.events === 0) doubts.push({ is: "empty" });
  else if (!coverage.complete) doubts.push({ is: "rules" });
  if (limits.length > 0) doubts.push({ is: "limits", rules: limits.length });
  if (future !== null) doubts.push({ is: "future", events: future.number });
  return { ...basis, doubts: [...basis.doubts, ...doubts] };
}
