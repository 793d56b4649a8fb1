/**
 * The entry `countersign/verify`: verification of exports and of live views.
 *
 * @module
 */

import { artifact, worker } from "#verifier";
import { createVerifier, type Verify, type VerifyLive } from "./create-verifier.js";
import type { VerifyReceipt } from "./receipt.js";

export * from "./public.js";

const verifier = createVerifier({ module: artifact, worker });

/**
 * Verifies an export, in workers if the runtime has them. Problems of the export are in the `report`; its `verdict` is
 * `verified` only for a complete and authentic export. Rejects for invalid options and unreadable sources. Pass `pin`
 * as one of `pins` next time.
 *
 * @example
 * ```ts
 * const { report, pin } = await verify(await fetch("/export"), { trust });
 * if (report.verdict !== "verified") console.log(report.verdict, report.findings);
 * ```
 */
export const verify: Verify = verifier.verify;

/**
 * Verifies a growing export line by line, such as a log server's live view read by `readStream`. `onReport` receives
 * the result as if the export had ended with the last checkpoint. Resolves when the lines end.
 */
export const verifyLive: VerifyLive = verifier.verifyLive;

/**
 * Verifies the COSE receipt of an entry: that a log you trust contains it. Rejects if the receipt or the trust file is
 * malformed.
 *
 * @example
 * ```ts
 * const { verdict, index } = await verifyReceipt(receipt, link, { trust });
 * ```
 */
export const verifyReceipt: VerifyReceipt = verifier.verifyReceipt;
