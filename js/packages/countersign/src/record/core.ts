/** The artifact `recorder`, as this package uses it. */

import { type ModuleSource, starting } from "../artifact/load.js";
import { CountersignError, ofCore } from "../error.js";
import * as wasm from "../wasm/recorder.js";

/** The exports of the artifact (crates/wasm/src/recorder.rs, crates/wasm/src/proof.rs). */
export type Core = typeof wasm;

/** Gives the artifact once it is loaded. A load that failed is tried again by the next call. */
export const loader = (source: ModuleSource): (() => Promise<Core>) => starting("recorder", source, wasm);

/** The bytes of a salt. */
const SALT = 16;
const encoder = new TextEncoder();

/** Where a salt and a text lie until the core has them. */
function room(most: number) {
  const bytes = new Uint8Array(SALT + most);
  return { bytes, salt: bytes.subarray(0, SALT), text: bytes.subarray(SALT) };
}

/** For texts that are no longer than this: views take longer to make than to fill. */
const common = room(1 << 14);

/** What the core records: a salt, of zeros unless it is filled, and an event's text behind it. It holds until the next call. */
export function salted(json: string, random?: (bytes: Uint8Array<ArrayBuffer>) => unknown): Uint8Array {
  // A unit of UTF-16 takes three bytes at most.
  const most = 3 * json.length;
  const { bytes, salt, text } = most <= common.text.length ? common : room(most);
  salt.fill(0);
  random?.(salt);
  const { written } = encoder.encodeInto(json, text);
  return bytes.subarray(0, SALT + written);
}

/** The shape of a path: what of it is an identifier is replaced. Throws before a recorder was created. */
export function pathShape(path: string): string {
  return wasm.pathShape(path);
}

/** Does work in the core, whose errors become the package's own. */
export function inCore<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw coded(error);
  }
}

/** An error of the core's as one of the package's own. */
export function coded(error: unknown): unknown {
  if (error instanceof WebAssembly.RuntimeError) {
    return new CountersignError("wasm.failed", "the recorder's WebAssembly stopped", {
      hint: "create a new recorder; what was not handed on is lost",
      cause: error,
    });
  }
  return ofCore(error) ?? error;
}
