/** Checks that the JavaScript engine is new enough for this package. */

import { CountersignError } from "./error.js";

/**
 * The oldest engines with all required features: `String.prototype.isWellFormed`, SIMD, and synchronous instantiation
 * of WebAssembly.
 */
export const OLDEST = "Node.js 20, Chrome 115, Firefox 119, or Safari 16.4";

/** Throws if the engine lacks a required feature. */
export function refuseOldEngine(): void {
  const { WebAssembly } = globalThis as Partial<typeof globalThis>;
  const missing = [
    typeof WebAssembly === "object" ? [] : ["WebAssembly"],
    // Not `typeof`: Node.js loads `crypto` on first access, which takes milliseconds.
    "crypto" in globalThis ? [] : ["crypto"],
    typeof String.prototype.isWellFormed === "function" ? [] : ["String.prototype.isWellFormed"],
  ].flat();
  if (missing.length > 0) {
    throw new CountersignError("engine.unsupported", `this JavaScript engine does not support ${missing.join(", ")}`, {
      hint: `use ${OLDEST}, or later`,
    });
  }
}
