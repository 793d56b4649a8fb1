/** The WebAssembly instance shared by all logs of an isolate. */

import { initSync, __wbg_reset_state as renew } from "./wasm/log.js";

let number = 0;

/**
 * Returns the instance's number. Objects of an earlier instance are gone: using them throws, and freeing them would
 * corrupt this one.
 */
export const current = (): number => number;

/** Creates the instance if needed. */
export function begin(module: WebAssembly.Module): void {
  initSync({ module });
}

/** True if the error means that the instance was stopped midway: by a trap or a stack overflow. */
export const isStop = (error: unknown): boolean =>
  error instanceof WebAssembly.RuntimeError || error instanceof RangeError;

/** Replaces the instance by a new one. */
export function replace(): void {
  number += 1;
  renew();
}
