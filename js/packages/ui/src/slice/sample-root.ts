/** Which checkpoint samples of an export are drawn by (SPEC-DETECTION.md, section 14). */

import type { CheckpointMark } from "@countersign/shared/verify.js";

/** The root that samples are drawn by. */
export interface SampleRoot {
  /** The root hash, in base64. */
  readonly root: string;
  /** True if the quorum of witnesses saw it. */
  readonly witnessed: boolean;
}

/** Returns the root of the log's last matching checkpoint that witnesses saw, else of the last matching one. */
export function sampleRoot(
  checkpoints: readonly CheckpointMark[],
  origin: string | null | undefined,
): SampleRoot | undefined {
  const own = checkpoints.filter((mark) => mark.matches && mark.origin === origin);
  const seen = own.findLast((mark) => mark.seen !== null);
  const root = (seen ?? own.at(-1))?.root;
  return root === undefined ? undefined : { root, witnessed: seen !== undefined };
}
