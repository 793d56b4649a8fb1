/** Whether an engine is new enough for this package. */

import { CountersignError } from "./error.js";

/**
 * The oldest engines that have all that is needed: `String.prototype.isWellFormed`, 128-bit vectors, and WebAssembly that
 * is instantiated at once.
 */
export const OLDEST = "Node.js 20, Chrome 115, Firefox 119 or Safari 16.4";

/** Throws where an engine lacks what nothing here can stand in for. */
export function refuseOldEngine(): void {
  const { WebAssembly } = globalThis as Partial<typeof globalThis>;
  const missing = [
    typeof WebAssembly === "object" ? [] : ["WebAssembly"],
    // Node.js loads it when it is first looked at, which takes milliseconds.
    "crypto" in globalThis ? [] : ["crypto"],
    typeof String.prototype.isWellFormed === "function" ? [] : ["String.prototype.isWellFormed"],
  ].flat();
  if (missing.length > 0) {
    throw new CountersignError("engine.unsupported", `this JavaScript engine has no ${missing.join(", no ")}`, {
      hint: `use ${OLDEST}, or a later one`,
    });
  }
}
