/** A runtime whose lifecycle is controlled by a test. */

import { readFileSync } from "node:fs";
import { recording } from "../../packages/countersign/dist/record/create.js";
import type { LifecycleEvents } from "../../packages/countersign/dist/record/lifecycle.js";

const MODULE = new WebAssembly.Module(
  readFileSync(new URL("../../packages/countersign/dist/wasm/recorder_bg.wasm", import.meta.url)),
);

/** Returns a function that creates recorders in this runtime, and one that sends lifecycle events to the last one. */
export function inLife() {
  let endings: LifecycleEvents | undefined;
  let isLeaving = false;
  const { createRecorder } = recording(MODULE, {
    isLeaving: () => isLeaving,
    batchBytes: 48 << 10,
    follow(followed) {
      endings = followed;
      return () => {};
    },
  });
  const notify = (what: keyof LifecycleEvents) => {
    isLeaving ||= what === "leaving";
    endings?.[what]();
  };
  return { createRecorder, notify };
}
