/** The entry `countersign/verify`. */

import { artifact, worker } from "#verifier";
import { createVerifier, type Verify, type VerifyLive } from "./create-verifier.js";

export * from "./public.js";

const made = createVerifier({ module: artifact, worker });

/**
 * Verifies an export, in workers where the runtime has any. Whatever is wrong with it is in the `report`, whose `verdict`
 * is `verified` for nothing but a whole and authentic export; what throws are wrong options and sources that cannot be
 * read. `pin` is the checkpoint to give as one of `pins` the next time.
 *
 *     const { report, pin } = await verify(await fetch("/export"), { trust });
 *     if (report.verdict !== "verified") console.log(report.verdict, report.findings);
 */
export const verify: Verify = made.verify;

/**
 * Verifies an export that goes on, line by line, such as a log server's live view that `readStream` reads. `onReport` has
 * what `verify` would give if it had ended with the last checkpoint. Resolves when the lines end.
 */
export const verifyLive: VerifyLive = made.verifyLive;
