/** A runtime whose life a test decides. */

import { readFileSync } from "node:fs";
import { recording } from "../../packages/countersign/dist/record/create.js";
import type { LifecycleEvents } from "../../packages/countersign/dist/record/lifecycle.js";

const MODULE = new WebAssembly.Module(
  readFileSync(new URL("../../packages/countersign/dist/wasm/recorder_bg.wasm", import.meta.url)),
);

/** What creates recorders there, and what tells the last one how it goes on. */
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
  const tell = (what: keyof LifecycleEvents) => {
    isLeaving ||= what === "leaving";
    endings?.[what]();
  };
  return { createRecorder, tell };
}
