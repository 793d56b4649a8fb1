/** Choice of the checkpoint that seeds samples of an export (SPEC-DETECTION.md, section 14). */

import type { CheckpointMark } from "@countersign/shared/verify.js";

/** The root that seeds samples. */
export interface SampleRoot {
  /** The root hash, in base64. */
  readonly root: string;
  /** True if the quorum of witnesses cosigned it. */
  readonly witnessed: boolean;
}

/** Returns the root of the last matching checkpoint with a witness quorum, or else of the last matching one. */
export function sampleRoot(
  checkpoints: readonly CheckpointMark[],
  origin: string | null | undefined,
): SampleRoot | undefined {
  const own = checkpoints.filter((mark) => mark.matches && mark.origin === origin);
  const seen = own.findLast((mark) => mark.seen !== null);
  const root = (seen ?? own.at(-1))?.root;
  return root === undefined ? undefined : { root, witnessed: seen !== undefined };
}
