/** The WebAssembly module `recorder` and its use in this package. */

import { type ModuleSource, starting } from "../artifact/load.js";
import { CountersignError, ofCore } from "../error.js";
import * as wasm from "../wasm/recorder.js";

/** The module's exports (crates/wasm/src/recorder.rs, crates/wasm/src/proof.rs). */
export type Core = typeof wasm;

/** Returns a function that loads the module once. After a failure, the next call tries again. */
export const loader = (source: ModuleSource): (() => Promise<Core>) => starting("recorder", source, wasm);

/** Size of a salt, in bytes. */
const SALT = 16;
const encoder = new TextEncoder();

/** Returns a buffer for a salt followed by text of up to `max` bytes. */
function room(max: number) {
  const bytes = new Uint8Array(SALT + max);
  return { bytes, salt: bytes.subarray(0, SALT), text: bytes.subarray(SALT) };
}

/** Shared buffer for texts up to this size, because creating views takes longer than filling them. */
const common = room(1 << 14);

/**
 * Returns a salt followed by the event's text, as the core expects it. The salt is zero unless `random` is given. Valid
 * until the next call.
 */
export function salted(json: string, random?: (bytes: Uint8Array<ArrayBuffer>) => unknown): Uint8Array {
  // A UTF-16 code unit takes at most three bytes of UTF-8.
  const max = 3 * json.length;
  const { bytes, salt, text } = max <= common.text.length ? common : room(max);
  salt.fill(0);
  random?.(salt);
  const { written } = encoder.encodeInto(json, text);
  return bytes.subarray(0, SALT + written);
}

/** Returns the path with identifiers replaced. Throws if no recorder was created yet. */
export function pathShape(path: string): string {
  return wasm.pathShape(path);
}

/** Calls the core and converts its errors to `CountersignError`. */
export function inCore<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw coded(error);
  }
}

/** Converts an error of the core to a `CountersignError`. Other errors are returned unchanged. */
export function coded(error: unknown): unknown {
  if (error instanceof WebAssembly.RuntimeError) {
    return new CountersignError("wasm.failed", "the recorder's WebAssembly module crashed", {
      hint: "create a new recorder; undelivered events are lost unless they are in an outbox",
      cause: error,
    });
  }
  return ofCore(error) ?? error;
}
