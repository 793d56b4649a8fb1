/** The artefact `gate`, as this package uses it. */

import { type ModuleSource, starting } from "../artefact/load.js";
import { type CountersignError, coded, ofCore } from "../error.js";
import * as wasm from "../wasm/gate.js";

/** What the artefact exports (wasm/src/gate.rs). */
export type Core = typeof wasm;

/** Gives the artefact once it is loaded. */
export const loader = (source: ModuleSource): (() => Promise<Core>) => starting("gate", source, wasm);

/** An error of the artefact's as one of the package's own. */
export function asCoded(error: unknown): CountersignError {
  return coded(ofCore(error) ?? error, "gate.failed", `the gate failed: ${error}`, "see the cause");
}
