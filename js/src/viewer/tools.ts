/** What works for the viewer in the background. Who embeds it brings it along. */

import type { Analysis } from "../analyze/types.js";
import type { EventIndex } from "../index/types.js";
import type { Slicer } from "../slice/types.js";
import type { Verify, VerifyLive } from "../verify/create-verifier.js";

/** The package's workers, or a page's own that were inlined in it. */
export interface Tools {
  readonly verify: Verify;
  readonly verifyLive: VerifyLive;
  readonly index: () => EventIndex;
  /** Without it nothing can be cut out of an export or explained. */
  readonly slicer?: (() => Slicer) | undefined;
  /** Looks for what a pack of rules describes. Without it nothing is looked for. */
  readonly analysis?: ((rules: string) => Analysis) | undefined;
  /** The pack that comes with the package. */
  readonly rules?: (() => Promise<string>) | undefined;
}
