/** The artifact `gate`, as this package uses it. */

import { type ModuleSource, starting } from "../artifact/load.js";
import { type CountersignError, coded, ofCore } from "../error.js";
import type { Gate } from "../wasm/gate.js";
import * as wasm from "../wasm/gate.js";

/** The exports of the artifact (crates/wasm/src/gate.rs). */
export type Core = typeof wasm;

/** Gives the artifact once it is loaded. */
export const loader = (source: ModuleSource): (() => Promise<Core>) => starting("gate", source, wasm);

/** More than an event may have: what follows need not be written for it to be refused. */
const TOO_LONG = 262_145;

export const encoder: TextEncoder = new TextEncoder();

/** Where events are written for a gate of the artifact's. */
export class Room {
  readonly #core: Core;
  readonly #gate: Gate;
  /** Has no length either once the memory has grown. */
  #bytes = new Uint8Array(0);

  constructor(core: Core, gate: Gate) {
    this.#core = core;
    this.#gate = gate;
  }

  /** Writes a text, and gives how many bytes it has. */
  write(text: string): number {
    const most = 3 * Math.min(text.length, TOO_LONG);
    if (this.#bytes.length < most) {
      const at = this.#gate.room(most);
      this.#bytes = new Uint8Array(this.#core.heap().buffer, at, most);
    }
    return encoder.encodeInto(text, this.#bytes).written;
  }
}

/** An error of the artifact's as one of the package's own. */
export function asCoded(error: unknown): CountersignError {
  return coded(ofCore(error) ?? error, "gate.failed", `the gate failed: ${error}`, "see the cause");
}
