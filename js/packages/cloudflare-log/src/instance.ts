/** The instance of the WebAssembly that all logs of an isolate are in. */

import { initSync, __wbg_reset_state as renew } from "./wasm/log.js";

let number = 0;

/** Which instance it is. What was made in an earlier one is gone: using it throws, and freeing it would harm this one. */
export const current = (): number => number;

/** Sees to it that there is one. */
export function begin(module: WebAssembly.Module): void {
  initSync({ module });
}

/** Whether an error says that it was stopped in the middle of something: it trapped, or had no stack left. */
export const isStop = (error: unknown): boolean =>
  error instanceof WebAssembly.RuntimeError || error instanceof RangeError;

/** Puts a new one in its place. */
export function replace(): void {
  number += 1;
  renew();
}
