/** The WebAssembly module `gate` and its use in this package. */

import { type ModuleSource, starting } from "../artifact/load.js";
import { type CountersignError, coded, ofCore } from "../error.js";
import type { Gate } from "../wasm/gate.js";
import * as wasm from "../wasm/gate.js";

/** The module's exports (crates/wasm/src/gate.rs). */
export type Core = typeof wasm;

/** Returns a function that loads the module once. */
export const loader = (source: ModuleSource): (() => Promise<Core>) => starting("gate", source, wasm);

/** One more than the maximum length of an event: text after it need not be copied for the event to be rejected. */
const TOO_LONG = 262_145;

export const encoder: TextEncoder = new TextEncoder();

/** Buffer in the module's memory that events are written to. */
export class Room {
  readonly #core: Core;
  readonly #gate: Gate;
  /** Detached (length 0) after the module's memory has grown. */
  #bytes = new Uint8Array(0);

  constructor(core: Core, gate: Gate) {
    this.#core = core;
    this.#gate = gate;
  }

  /** Writes a string and returns its number of bytes in UTF-8. */
  write(text: string): number {
    const max = 3 * Math.min(text.length, TOO_LONG);
    if (this.#bytes.length < max) {
      const at = this.#gate.room(max);
      this.#bytes = new Uint8Array(this.#core.heap().buffer, at, max);
    }
    return encoder.encodeInto(text, this.#bytes).written;
  }
}

/** Converts an error of the module to a `CountersignError`. */
export function asCoded(error: unknown): CountersignError {
  return coded(ofCore(error) ?? error, "gate.failed", `the gate failed: ${error}`, "see the cause");
}
