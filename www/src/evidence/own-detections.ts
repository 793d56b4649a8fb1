import type { AnalysisScope } from "@countersign/ui/analyze/types.js";
import type { OpenedEvidence } from "@countersign/ui/slice/types.js";
import type { Tools } from "@countersign/ui/viewer/session/session.js";
import { detectAgain } from "./detect-again.ts";
import type { Detections, Frame } from "./frame.ts";

/** Maximum number of findings, as in a report: the rules are the writer's. */
const MAX_FINDINGS = 100_000;

/** The rules of an evidence file that contains everything that they examined. */
export interface FiledRules {
  /** The pack as canonical JSON. */
  readonly rules: string;
  readonly scope: AnalysisScope;
  readonly source: Blob;
  readonly pins: readonly string[];
  /** Text of the trust file. */
  readonly trust: string | undefined;
}

/** Returns the rules of an evidence file; undefined unless it contains everything that they examined. */
export function filedRules(
  { detections, slice, scope }: Frame,
  { rules, export: source, pins, trust }: OpenedEvidence,
): FiledRules | undefined {
  if (detections === null || slice !== null || rules === undefined) return undefined;
  return {
    rules,
    scope: { range: scope.range ?? undefined, maxFindings: MAX_FINDINGS },
    source,
    pins,
    trust,
  };
}

/**
 * Runs the rules of an evidence file over the events that verify by the reader's trust file; undefined if that is the one
 * in the file.
 */
export async function ownDetections(
  tools: Tools,
  filed: FiledRules,
  trust: string | undefined,
  signal: AbortSignal,
): Promise<Detections | undefined> {
  if (trust === filed.trust) return undefined;
  const { rules, scope, pins } = filed;
  return JSON.parse(
    await detectAgain(tools, signal)(filed.source, { rules, scope, trust, pins }),
  ) as Detections;
}
