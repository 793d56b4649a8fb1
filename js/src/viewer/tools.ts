/** What works for the viewer in the background. Who embeds it brings it along. */

import type { Shelf } from "../shelf/types.js";
import type { Slicer } from "../slice/types.js";
import type { Verify, VerifyLive } from "../verify/create-verifier.js";

/** The package's workers, or a page's own that were inlined in it. */
export interface Tools {
  readonly verify: Verify;
  readonly verifyLive: VerifyLive;
  readonly shelf: () => Shelf;
  /** Without it nothing can be cut out of an export or explained. */
  readonly slicer?: (() => Slicer) | undefined;
}
